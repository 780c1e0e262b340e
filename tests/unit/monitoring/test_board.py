"""The Grafana board: it is what its table says, asks for metrics and labels that there are, and can be read."""

from __future__ import annotations

import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.harness.metric_names import metric_names

FOLDER = Path(__file__).parents[3] / "deploy" / "grafana"
BOARD: dict[str, Any] = json.loads((FOLDER / "unlearn.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
TARGET = {"job", "instance"}
"""Labels that Prometheus gives to each series."""
SELECTED = '{job=~"$job", instance=~"$instance"}'


def made() -> ModuleType:
    spec = importlib.util.spec_from_file_location("board", FOLDER / "board.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def queries() -> Iterator[tuple[str, str]]:
    """Query and legend of each line."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def test_the_file_is_what_the_table_says() -> None:
    assert (FOLDER / "unlearn.json").read_text() == made().text(), "run: make tables"


def test_every_metric_exists_and_every_metric_of_a_worker_is_shown(tmp_path: Path) -> None:
    there = metric_names(tmp_path)
    asked = {name for query, _ in queries() for name in re.findall(r"\bunlearn_\w+", query)}
    assert asked - there.keys() == set()
    assert there.keys() - asked == set()


def test_every_label_is_one_of_its_metric(tmp_path: Path) -> None:
    there = metric_names(tmp_path)
    seen = 0
    for query, legend in queries():
        common = set.intersection(*({*there[name].labels} | TARGET for name in re.findall(r"\bunlearn_\w+", query)))
        grouped = {label for labels in re.findall(r"\bby \(([\w, ]+)\)", query) for label in re.findall(r"\w+", labels)}
        assert grouped <= common, query
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) == grouped - {"le"}, query
        seen += len(grouped)
    assert seen > 20


def test_counters_are_rates_and_gauges_are_not(tmp_path: Path) -> None:
    there = metric_names(tmp_path)
    for query, _ in queries():
        for name in re.findall(r"\bunlearn_\w+", query):
            counts = there[name].type in ("counter", "histogram")
            of_time = re.search(rf"\b(?:rate|increase)\({name}\{{[^}}]*\}}\[\$__rate_interval\]\)", query)
            assert bool(of_time) == counts, query
        assert query.count(SELECTED) == len(re.findall(r"\bunlearn_\w+", query)), query


def test_panels_say_what_they_are_and_stand_beside_each_other() -> None:
    titles = Counter((panel["title"], panel["description"]) for panel in PANELS)
    assert set(titles.values()) == {1}
    assert all(panel["title"] and panel["description"].endswith(".") for panel in PANELS)
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS)
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    cells = Counter(
        (x, y)
        for panel in BOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )
    assert set(cells.values()) == {1}
    assert max(x for x, _ in cells) == 23


def test_it_comes_with_no_data_source_of_its_own() -> None:
    assert "__inputs" not in BOARD
    sources = [panel["datasource"] for panel in PANELS]
    sources += [target["datasource"] for panel in PANELS for target in panel["targets"]]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    assert [one["name"] for one in BOARD["templating"]["list"]] == ["datasource", *sorted(TARGET, reverse=True)]

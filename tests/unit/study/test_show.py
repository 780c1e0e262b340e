from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

from unlearn_study.memory import array_bytes
from unlearn_study.show.findings import findings, inexact, verdict
from unlearn_study.show.plots import draw
from unlearn_study.show.report import report
from unlearn_study.show.series import accuracy_panel, cost_panels, cost_rows
from unlearn_study.show.tables import markdown, show, tables


def _cell(method: str, learner: str, shards: int, slices: int, ours: float, **more: Any) -> dict[str, Any]:
    """Naive retraining takes 10 ms; a batch of ten takes three times as long as one deletion."""
    deletions = [
        {
            "count": count,
            "ours_s": {"median": seconds},
            "naive_s": {"median": 0.01},
            "equal": True,
            "compared": 6,
            "agreement": 1.0,
            "accuracy": 0.9,
            "accuracy_retrained": 0.9,
        }
        for count, seconds in ((1, ours), (10, 3 * ours), (1, ours / 2))
    ]
    return {
        "name": f"{method}-{learner}-s{shards}-r{slices}",
        "method": method,
        "learner": learner,
        "shards": shards,
        "slices": slices,
        "build_s": {"median": 0.02},
        "publish_s": {"median": 0.001},
        "memory_bytes": 3 * 2**20,
        "memory_bytes_naive": 2**20,
        "accuracy": 0.91,
        "accuracy_naive": 0.92,
        "deletions": deletions[:2],
        "recent": deletions[2],
        **more,
    }


def _results(*cells: dict[str, Any]) -> dict[str, Any]:
    data = {"name": "tests", "rows": 100, "rows_tested": 20, "classes": ["ham", "spam"], "notes": ["a note"]}
    machine = {"processor": "a processor", "python": "3.11"}
    return {"data": data, "machine": machine, "made_at": "today", "cells": list(cells)}


NAIVE = _cell("naive", "linear", 1, 1, 0.01)
FAST, SLOW = _cell("sisa", "linear", 20, 10, 0.001), _cell("sisa", "linear", 5, 10, 0.1)
FOREST, PU = _cell("forest", "forest", 1, 1, 0.002), _cell("pu", "pu-linear", 1, 10, 0.004)


def _spoilt(cell: dict[str, Any]) -> dict[str, Any]:
    return {**cell, "deletions": [{**cell["deletions"][0], "equal": False}, cell["deletions"][1]]}


def test_the_verdict_weighs_all_comparisons_with_naive_retraining() -> None:
    assert "does not hold here: unlearning was cheaper in all 3" in verdict(_results(NAIVE, FAST))
    assert "The claim holds here: unlearning was dearer in all 3" in verdict(_results(NAIVE, SLOW))
    assert "of 6 comparisons" in verdict(_results(NAIVE, FAST, SLOW))
    assert "cheaper in 3, dearer in 3" in verdict(_results(NAIVE, FAST, SLOW))
    assert verdict(_results(NAIVE)) == "Nothing was measured beside naive retraining."
    even = _cell("sisa", "linear", 1, 1, 0.0095)
    assert "cheaper in 1, dearer in 1 and within 10% in the rest" in verdict(_results(even))


def test_findings_name_the_best_and_the_worst_setting() -> None:
    found = "\n".join(findings(_results(NAIVE, FAST, SLOW)))
    assert "One deletion, SISA linear S20 R10: 10 times cheaper than the naive refit" in found
    assert "the worst setting, S5 R10, 10 times dearer than the naive refit" in found
    assert "A batch of 10, SISA linear S20 R10: 3.33 times cheaper" in found
    assert "Sharding linear 20 ways costs 1.00 points of accuracy (0.9100)" in found
    assert "One recent deletion, SISA linear S20 R10: 20 times cheaper" in found
    assert "In all 54 comparisons every state was byte for byte" in found


def test_what_is_not_exact_is_said_loudly() -> None:
    wrong = _results(NAIVE, FAST, _spoilt(SLOW))
    assert inexact(wrong) == ["sisa-linear-s5-r10"]
    assert findings(wrong)[-1].startswith("NOT EXACT: after deletions the states of sisa-linear-s5-r10")
    consistency = tables(wrong)[2]
    assert [row[-2] for row in consistency.rows] == ["yes", "yes", "NO"]


def test_tables_hold_each_cell_beside_its_refit() -> None:
    deleting, keeping, consistency = tables(_results(NAIVE, FAST, SLOW))
    assert deleting.columns == ("method", "refit", "1", "10")
    assert deleting.rows[0] == ("refit linear", "10", "10", "30")
    assert deleting.rows[1] == ("SISA linear S20 R10", "10", "1 10x", "3 3.3x")
    assert deleting.rows[2] == ("SISA linear S5 R10", "10", "100 0.1x", "300 0.033x")
    assert keeping.rows[1] == ("SISA linear S20 R10", "0.5 20x", "20", "1", "3.0", "1.0")
    assert consistency.rows[1] == ("SISA linear S20 R10", "0.9100", "0.9200", "0.9000", "0.9000", "100%", "yes", "18")


def test_tables_fit_eighty_columns_and_have_no_colour_when_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(width=80, force_terminal=True, highlight=False)
    with console.capture() as printed:
        for table in tables(_results(NAIVE, FAST, _spoilt(SLOW), FOREST, PU)):
            show(table, console)
    said = printed.get()
    assert "…" not in said
    assert "\x1b[3" not in said
    assert "\x1b[1;3" not in said


def test_a_table_in_markdown() -> None:
    lines = markdown(tables(_results(NAIVE, FAST))[0]).splitlines()
    assert lines[:2] == ["| method | refit | 1 | 10 |", "| --- | ---: | ---: | ---: |"]
    assert len(lines) == 4


def test_panels_have_the_line_to_beat() -> None:
    sisa, forest, pu = cost_panels(_results(NAIVE, FAST, SLOW, FOREST, PU))
    assert [(line.label, line.naive) for line in sisa.lines] == [
        ("S20 R10", False),
        ("S5 R10", False),
        ("naive refit", True),
    ]
    assert sisa.lines[0].x == [1.0, 10.0]
    assert sisa.lines[0].y == [1.0, 3.0]
    assert sisa.lines[2].y == [10.0, 10.0]
    assert [line.naive for line in forest.lines] == [False, True]
    assert [line.naive for line in pu.lines] == [False, True]


def test_accuracy_is_drawn_against_shards_in_order() -> None:
    panel = accuracy_panel(_results(NAIVE, FAST, SLOW))
    assert panel.lines[0].x == [5.0, 20.0]
    assert panel.lines[1].y == [0.92, 0.92]
    assert panel.lines[1].naive


def test_methods_are_drawn_at_their_best_setting() -> None:
    rows = cost_rows(_results(NAIVE, FAST, SLOW, FOREST, PU))
    assert [row.label for row in rows] == ["SISA linear S20 R10", "forest q1", "PU linear S1 R10"]
    assert (rows[0].ms, rows[0].naive_ms) == ({1: 1.0, 10: 3.0}, 10.0)


def test_plots_are_written_as_png_and_svg(tmp_path: Path) -> None:
    files = draw(_results(NAIVE, FAST, SLOW, FOREST, PU), tmp_path)
    assert sorted(file.name for file in files) == sorted(
        f"{name}.{kind}" for name in ("cost", "accuracy", "methods") for kind in ("png", "svg")
    )
    for file in files:
        if file.suffix == ".png":
            assert file.read_bytes().startswith(b"\x89PNG")
        else:
            assert ET.parse(file).getroot().tag.endswith("svg")


def test_nothing_is_drawn_of_nothing_and_older_plots_go(tmp_path: Path) -> None:
    draw(_results(NAIVE, FAST), tmp_path)
    assert draw(_results(NAIVE), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_the_report_has_the_verdict_the_tables_and_the_plots(tmp_path: Path) -> None:
    refused = {"name": "forest-forest", "method": "forest", "refused": "too wide"}
    found = _results(NAIVE, FAST, SLOW)
    text = report({**found, "cells": [*found["cells"], refused]}, [Path("cost.png"), Path("cost.svg")])
    assert verdict(found) in text
    assert "| SISA linear S20 R10 |" in text
    assert "![cost](cost.png)" in text
    assert "cost.svg" not in text
    assert "Left out, forest-forest: too wide." in text
    assert "- a note." in text


def test_memory_counts_each_array_once_and_a_view_as_what_it_looks_at() -> None:
    array = np.zeros(1000)
    whole = array_bytes([array])
    assert whole >= 8000
    assert array_bytes({"a": array, "b": (array, [array])}) == whole
    assert array_bytes([array[:1]]) >= 8000
    assert array_bytes([array, np.zeros(1000)]) == 2 * whole

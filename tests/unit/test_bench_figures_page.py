"""The table in docs/figures.md says what was measured, and no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bench.__main__ import MEASUREMENTS
from bench.figures_page import ORDER, table, with_table

ROOT = Path(__file__).parents[2]


def figure(**changed: Any) -> dict[str, Any]:
    plain = {"name": "a.b", "ours": 0.5, "peer": 4.0, "unit": "ms", "ratio": 8.0, "goal": 10.0, "met": False}
    return plain | changed


def test_a_missed_goal_is_said_aloud() -> None:
    (row,) = table([{"figures": [figure()]}]).splitlines()[2:]

    assert row == "| `a.b` | 0.5 ms | 4 ms | 8x | 10 | **no** |"


def test_a_missing_peer_is_no_figure_and_is_not_met() -> None:
    (row,) = table([{"figures": [figure(peer=None, ratio=None)]}]).splitlines()[2:]

    assert row == "| `a.b` | 0.5 ms |  |  | 10 | **no** |"


def test_what_has_neither_goal_nor_peer_stays_in_the_json() -> None:
    assert len(table([{"figures": [figure(goal=None, peer=None)]}]).splitlines()) == 2


def test_only_what_stands_between_the_markers_changes() -> None:
    text = "before\n<!-- bench -->\nold\n<!-- /bench -->\nafter"

    assert with_table(text, "new") == "before\n<!-- bench -->\nnew\n<!-- /bench -->\nafter"


def test_what_make_bench_measures_has_its_place_in_the_table() -> None:
    (measured,) = re.findall(r"for name in ([\w\- ]+); do", (ROOT / "Makefile").read_text("utf-8"))

    assert {"forget", "releases"} <= set(measured.split()) <= set(ORDER) <= MEASUREMENTS.keys()

"""What a measurement brings: figures with their goals, and tables, for people and as JSON."""

from __future__ import annotations

import json
import math
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.machine import describe

__all__ = ["Figure", "Report", "Table", "percentile"]


@dataclass(frozen=True, slots=True)
class Figure:
    """`ours` beside `peer` in the same run. `goal` is a floor if `more_is_better`, else a ceiling; None: no goal.

    Of a cost that is compared, `times` is true: `ratio` is how many times the peer's cost is ours, and the goal is
    the ratio's. Without its peer it is missing, and not met. `runs` holds what each run measured, by side, in order.
    """

    name: str
    ours: float
    unit: str
    peer: float | None = None
    goal: float | None = None
    more_is_better: bool = False
    runs: Mapping[str, Sequence[float]] = field(default_factory=dict)
    times: bool = False

    @staticmethod
    def cheaper(
        name: str, unit: str, ours: Sequence[float], peer: Sequence[float], goal: float | None = None
    ) -> Figure:
        """Medians of costs, each side's run by run; no runs of a peer that could not be had."""
        runs = {"ours": [*ours], "peer": [*peer]}
        beside = statistics.median(peer) if peer else None
        return Figure(name, statistics.median(ours), unit, beside, goal, True, runs, times=True)

    @staticmethod
    def of_runs(
        name: str, unit: str, ours: Sequence[float], peer: Sequence[float] = (), goal: float | None = None
    ) -> Figure:
        """Medians of runs, where more is better."""
        runs = {"ours": [*ours]} | ({"peer": [*peer]} if peer else {})
        beside = statistics.median(peer) if peer else None
        return Figure(name, statistics.median(ours), unit, beside, goal, more_is_better=True, runs=runs)

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's; of costs that are compared, the peer's over ours."""
        if not self.peer:
            return None
        return self.peer / self.ours if self.times else self.ours / self.peer

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        found = self.ratio if self.times else self.ours
        if found is None:
            return False
        return found >= self.goal if self.more_is_better else found <= self.goal

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ours": self.ours,
            "peer": self.peer,
            "unit": self.unit,
            "ratio": self.ratio,
            "goal": self.goal,
            "met": self.met,
            "runs": {side: list(values) for side, values in self.runs.items()},
        }


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people; in JSON a list of objects."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str | float, ...]]

    def as_json(self) -> dict[str, Any]:
        return {"title": self.title, "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows]}


@dataclass(slots=True)
class Report:
    """Of one measurement: `notes` say what was measured, how."""

    name: str
    notes: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "machine": describe(),
            "python": platform.python_version(),
            "notes": self.notes,
            "figures": [figure.as_json() for figure in self.figures],
            "tables": [table.as_json() for table in self.tables],
        }

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0..1] of them don't exceed. Raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

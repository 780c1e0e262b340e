"""All cells, one after the other: each measured, or taken from an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from unlearn_models import ModelError
from unlearn_study.cells import Cell
from unlearn_study.contender import Contender, contender
from unlearn_study.deletions import Effort
from unlearn_study.keeping import Kept
from unlearn_study.measure import measure
from unlearn_study.problem import Problem
from unlearn_study.versions import code_version, machine

__all__ = ["Done", "results", "run", "terms"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Done:
    """A cell's figures, or {"refused": why} where the method can't take the data; `kept`: taken from an earlier run."""

    cell: Cell
    figures: dict[str, Any]
    kept: bool


def terms(problem: Problem, effort: Effort, seed: int) -> dict[str, Any]:
    """Everything beside the cell that figures depend on, for `Kept` and for results.json."""
    return {
        "data": problem.fingerprint(),
        "effort": {**asdict(effort), "runs": {str(count): runs for count, runs in effort.runs.items()}},
        "seed": seed,
        "code": code_version(),
        "machine": machine(),
    }


def run(
    cells: Sequence[Cell],
    problem: Problem,
    kept: Kept,
    effort: Effort,
    seed: int,
    tell: Callable[[Cell], object] = str,
    make: Callable[[Cell, Problem], Contender] = contender,
) -> Iterator[Done]:
    """Measure each cell, or take it from `kept`; yields each when it is done.

    `tell` is called with each cell before that.  Raises StudyError where a measured cell can't be written.
    """
    for cell in cells:
        tell(cell)
        found = kept.find(cell)
        if found is not None:
            yield Done(cell, found, kept=True)
            continue
        figures = _figures(cell, problem, effort, seed, make)
        kept.keep(cell, figures)
        yield Done(cell, figures, kept=False)


def results(done: Sequence[Done], problem: Problem, of: dict[str, Any]) -> dict[str, Any]:
    """The content of results.json; `of` is what `terms` gave."""
    return {
        "format": _FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": {
            "name": problem.name,
            "rows": len(problem.wide.train),
            "rows_tested": len(problem.wide.test),
            "classes": list(problem.classes),
            "positive": problem.positive,
            "columns": {"wide": problem.wide.n_features, "narrow": problem.narrow.n_features},
            "notes": list(problem.notes),
            "fingerprint": of["data"],
        },
        "settings": {"seed": of["seed"], "effort": of["effort"]},
        "code": of["code"],
        "machine": of["machine"],
        "cells": [{**one.cell.as_json(), **one.figures} for one in done],
    }


def _figures(
    cell: Cell, problem: Problem, effort: Effort, seed: int, make: Callable[[Cell, Problem], Contender]
) -> dict[str, Any]:
    try:
        return measure(make(cell, problem), effort, seed)
    except ModelError as error:
        return {"refused": str(error)}

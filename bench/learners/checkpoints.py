"""What each checkpoint policy saves: rows to learn anew for one deletion, uniform and recency-skewed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.figures import Figure, Report, Table
from bench.learners.data import CLASSES, FEATURES, tweet_rows
from bench.machine import pin
from unlearn_models import encode_state
from unlearn_models.folds.fold import begin
from unlearn_models.linear.logistic import Linear
from unlearn_models.sisa.checkpoint_policies import by_age, expected_rows, spaced, weights_of_ages

__all__ = ["phases", "run"]

_SHARDS, _SLICES, _DELETIONS = 20, 50, 1000
_SHARES = (0.05, 0.1, 0.25, 0.5)
"""Of the bytes of all states: what may be kept."""


def phases(quick: bool) -> int:
    return 2


def run(config: Path | None, quick: bool, tick: Callable[[str], None]) -> Report:
    pin()
    tick("states of a shard")
    n = (20_000 if quick else 200_000) // _SHARDS
    sizes, rows = _states(n)
    tick("policies")
    notes = [
        f"a shard of {n:,} generated tweets in {_SLICES} slices, linear; its states take {sum(sizes):,} bytes",
        "ages of deletions: uniform, or exponential with a mean of 5% of the log",
        f"the policy learns from {_DELETIONS:,} past deletions; {_DELETIONS:,} others are counted",
    ]
    report = Report("checkpoints", notes)
    for pattern in ("uniform", "recent"):
        _pattern(pattern, sizes, rows, report)
    return report


def _states(n: int) -> tuple[list[int], list[int]]:
    """Bytes of the state after each slice but the last; rows of each slice."""
    learner = Linear(CLASSES, FEATURES)
    shard, fold = tweet_rows(n), begin(learner)
    edges = np.arange(_SLICES + 1) * n // _SLICES
    sizes = []
    for start, stop in pairwise(edges):
        fold.learn(shard.take(np.arange(start, stop)))
        sizes.append(len(encode_state(learner, fold.state())))
    return sizes[:-1], np.diff(edges).tolist()


def _pattern(pattern: str, sizes: Sequence[int], rows: Sequence[int], report: Report) -> None:
    rng = np.random.default_rng(13)
    past, future = (_weights(pattern, rng) for _ in range(2))
    ends = list(range(1, _SLICES))
    none, most = (expected_rows(ends, kept, rows, future) for kept in (set[int](), set(ends)))
    lines: list[tuple[str | float, ...]] = []
    for share in _SHARES:
        budget = int(sum(sizes) * share)
        equal = expected_rows(ends, _spaced(ends, sizes, budget), rows, future)
        learned = expected_rows(ends, by_age(ends, sizes, rows, past, budget), rows, future)
        lines.append((f"{share:.0%}", none, equal, learned, most))
        name = f"checkpoints.{pattern}_{round(share * 100)}"
        report.figures.append(Figure.cheaper(name, "rows", [learned], [equal]))
    columns = ("bytes kept", "none", "equal spacing", "learned from ages", "every slice")
    report.tables.append(Table(f"rows to learn anew for one deletion, {pattern}", columns, lines))


def _weights(pattern: str, rng: np.random.Generator) -> list[float]:
    if pattern == "uniform":
        ages = rng.integers(0, _SLICES, _DELETIONS)
    else:
        ages = np.minimum(rng.exponential(_SLICES / 20, _DELETIONS).astype(np.int64), _SLICES - 1)
    return weights_of_ages(ages.tolist(), _SLICES)


def _spaced(ends: Sequence[int], sizes: Sequence[int], budget: int) -> set[int]:
    """As many at equal steps as the budget takes."""
    for limit in range(len(ends), 0, -1):
        kept = spaced(ends, limit)
        if sum(sizes[end - 1] for end in kept) <= budget:
            return kept
    return set()

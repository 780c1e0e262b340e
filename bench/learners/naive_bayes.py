"""Naive Bayes: deletions beside refits, scores of single records, equality with scikit-learn on the rows left."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.naive_bayes import ComplementNB, MultinomialNB

from bench.clock import interleaved, seconds
from bench.figures import Figure, Report
from bench.learners.data import CLASSES, FEATURES, matrix, tweet_rows
from bench.learners.peers import river_seconds
from bench.machine import pin
from unlearn_models import Rows
from unlearn_models.naive_bayes.base import Counting
from unlearn_models.naive_bayes.complement import ComplementNaiveBayes
from unlearn_models.naive_bayes.fold import CountingFold
from unlearn_models.naive_bayes.multinomial import NaiveBayes

__all__ = ["phases", "run"]

_PAIRS: tuple[tuple[str, type[Counting], type[Any]], ...] = (
    ("nb", NaiveBayes, MultinomialNB),
    ("complement_nb", ComplementNaiveBayes, ComplementNB),
)
_SINGLES = 500


def phases(quick: bool) -> int:
    return 2 * len(_PAIRS) + 1


def run(config: Path | None, quick: bool, tick: Callable[[str], None]) -> Report:
    pin()
    n, runs = (20_000, 5) if quick else (200_000, 9)
    rows = tweet_rows(n)
    report = Report(
        "naive-bayes",
        [
            f"{n:,} generated tweets of 15 words, 2**18 hashed features, cached on both sides; one core, CPU seconds",
            "a deletion is handed the record's features, as the service reads them; counts change in place",
            "refits are scikit-learn's on cached features; those of _own are ours",
        ],
    )
    for name, kind, peer in _PAIRS:
        tick(f"{name}: deletions")
        _deletions(name, kind(CLASSES, FEATURES), peer(), rows, runs, report)
        tick(f"{name}: scores")
        _scores(name, kind(CLASSES, FEATURES), peer(), rows, runs, report)
    tick("River")
    _river(rows, runs, report)
    return report


def _deletions(name: str, learner: Counting, peer: Any, rows: Rows, runs: int, report: Report) -> None:
    x, fold = matrix(rows), learner.fold(learner.empty())
    fold.learn(rows)
    batch = min(1000, len(rows) // 20)
    order = iter(np.random.default_rng(3).permutation(len(rows)))
    refits = interleaved(
        {"ours": lambda: learner.learn(learner.empty(), rows), "peer": lambda: peer.fit(x, rows.labels)}, runs
    )
    one, many, gone = [], [], []
    for _ in range(runs):
        singles = [next(order) for _ in range(_SINGLES)]
        each = [rows.take(np.array([position])) for position in singles]
        one.append(seconds(partial(_one_by_one, fold, each)) / _SINGLES)
        together = [next(order) for _ in range(batch)]
        many.append(seconds(partial(fold.forget, rows.take(np.array(together)))) / batch)
        gone += singles + together
    report.figures += [
        Figure.cheaper(f"{name}.refit", "s", refits["ours"], refits["peer"]),
        Figure.cheaper(f"{name}.delete_1", "s", one, refits["peer"], 10_000.0),
        Figure.cheaper(f"{name}.delete_1000", "s", many, refits["peer"], 50_000.0),
        Figure.cheaper(f"{name}.delete_1_own", "s", one, refits["ours"]),
        Figure.cheaper(f"{name}.delete_1000_own", "s", many, refits["ours"]),
    ]
    left = rows.take(np.setdiff1d(np.arange(len(rows)), gone))
    peer.fit(matrix(left), left.labels)
    state, asked = fold.state(), rows.take(np.arange(2000))
    dense = np.zeros((len(CLASSES), FEATURES))
    dense[:, state["features"]] = state["counts"]
    apart = np.abs(learner.ensemble([state]).scores(asked) - peer.predict_proba(matrix(asked))).max()
    wrong = float((dense != peer.feature_count_).sum())
    report.figures += [
        Figure(f"{name}.counts_that_differ", wrong, "counts", goal=0.0),
        Figure(f"{name}.probability_apart", float(apart), "", goal=1e-12),
    ]


def _one_by_one(fold: CountingFold, records: list[Rows]) -> None:
    for record in records:
        fold.forget(record)


def _scores(name: str, learner: Counting, peer: Any, rows: Rows, runs: int, report: Report) -> None:
    peer.fit(matrix(rows), rows.labels)
    ensemble = learner.ensemble([learner.learn(learner.empty(), rows)])
    one = rows.take(np.array([17]))
    x, times = matrix(one), range(100)
    found = interleaved(
        {
            "ours": lambda: [ensemble.scores(one) for _ in times],
            "peer": lambda: [peer.predict_proba(x) for _ in times],
        },
        runs,
    )
    each = {side: [value / len(times) for value in values] for side, values in found.items()}
    report.figures.append(Figure.cheaper(f"{name}.score_1", "s", each["ours"], each["peer"]))


def _river(rows: Rows, runs: int, report: Report) -> None:
    learner = NaiveBayes(CLASSES, FEATURES)
    found = interleaved({"ours": lambda: learner.learn(learner.empty(), rows)}, runs)["ours"]
    river = river_seconds("nb", rows.take(np.arange(3000)))
    if isinstance(river, str):
        report.notes.append(f"River: missing, {river}")
    peer = [] if isinstance(river, str) else [river]
    report.figures.append(Figure.cheaper("nb.row_river", "s", [value / len(rows) for value in found], peer))

"""The linear learner: its refit beside scikit-learn's, deletions beside both, accuracy beside the best-tuned."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.clock import interleaved, seconds
from bench.figures import Figure, Report
from bench.learners.data import CLASSES, FEATURES, ages, mails, tweet_rows
from bench.learners.peers import PlainSisa, Tuned, river_seconds, tuned_sgd
from bench.machine import pin
from unlearn_models import Rows
from unlearn_models.linear.logistic import Linear
from unlearn_models.sisa.refit import Refit
from unlearn_models.sisa.sisa import Sisa

__all__ = ["phases", "run"]

_SHARDS = 20
_SLICE_ROWS = 4000
_STEPS, _EPS, _RARITIES = (0.04, 0.1, 0.15, 0.3), (0.03, 1.0), (0.0, 0.5)
"""Options that ours is tuned over."""
_UNIFORM, _RECENT = "uniform", "recent"


def phases(quick: bool) -> int:
    return 6


@dataclass
class _Bench:
    """train and test rows; which shard each is in; deletions' own seconds come from `rng`."""

    train: Rows
    test: Rows
    runs: int
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(11))
    learner: Linear = field(default_factory=lambda: Linear(CLASSES, FEATURES))

    def __post_init__(self) -> None:
        self.home = self.rng.integers(0, _SHARDS, len(self.train))
        parts = [self.train.take(self.home == shard) for shard in range(_SHARDS)]
        self._whole, self._parts = Refit(self.learner, self.train), [Refit(self.learner, part) for part in parts]

    def sharded_refit(self) -> None:
        for part in self._parts:
            part.fit()

    def whole_refit(self) -> None:
        self._whole.fit()

    def sisa(self) -> Sisa:
        return _fitted(self.learner, self.train, self.home)


def run(config: Path | None, quick: bool, tick: Callable[[str], None]) -> Report:
    pin()
    n = 10_000 if quick else 200_000
    rows = tweet_rows(n + n // 4)
    train, test = rows.take(np.arange(n)), rows.take(np.arange(n, n + n // 4))
    bench = _Bench(train, test, 5 if quick else 9)
    report = Report("linear", _notes(n))
    tick("tuning scikit-learn")
    best = tuned_sgd([(train, test)])
    report.notes.append(f"tweets: {best}")
    tick("refits")
    sgd = _refits(bench, best, report)
    tick("single deletions")
    _singles(bench, sgd, report)
    tick("batches of deletions")
    _batches(bench, report)
    tick("peers by the record")
    _others(bench, best, report)
    tick("accuracy")
    _accuracies("tweets", [(train, test)], best.accuracy, report)
    if (corpus := mails()) is not None:
        _mails(corpus, report)
    else:
        report.notes.append("mails: missing, the corpus is not at hand")
    return report


def _notes(n: int) -> list[str]:
    return [
        f"{n:,} generated tweets of 15 words, 2**18 hashed features, cached on both sides; one core, CPU seconds",
        f"S = {_SHARDS}, slices of {_SLICE_ROWS} rows over all shards; refits and deletions leave weights in memory",
        "own refit: the cheaper of one model over all rows and of the same shards trained from scratch; rows are kept",
        "as deletions find them, with their weights' places and roots worked out; _from_rows: those worked out too",
    ]


def _fitted(learner: Linear, rows: Rows, home: NDArray[np.int64]) -> Sisa:
    sisa = Sisa(learner, _SHARDS, max(5, len(rows) // _SLICE_ROWS))
    sisa.fit(rows, home)
    return sisa


def _refits(bench: _Bench, best: Tuned, report: Report) -> list[float]:
    learner = bench.learner
    calls = {
        "whole": bench.whole_refit,
        "sharded": bench.sharded_refit,
        "from rows": lambda: learner.learn(learner.empty(), bench.train),
        "peer": best.refit,
    }
    found = interleaved(calls, bench.runs)
    report.figures += [
        Figure.cheaper("linear.refit", "s", _own_refit(found), found["peer"], 8.0),
        Figure.cheaper("linear.refit_from_rows", "s", found["from rows"], found["peer"], None),
    ]
    return found["peer"]


def _singles(bench: _Bench, sgd: Sequence[float], report: Report) -> None:
    n = len(bench.train)
    sisa = bench.sisa()
    few = bench.train.take(np.arange(n // 10))
    small = _fitted(bench.learner, few, bench.home[: len(few)])
    calls = {
        "whole": bench.whole_refit,
        "sharded": bench.sharded_refit,
        **_one_by_one(sisa, bench, {_UNIFORM: None, _RECENT: n / 20, "flat": n / 200}),
        **_one_by_one(small, bench, {"flat, a tenth": n / 200}),
    }
    found = interleaved(calls, bench.runs)
    each = {name: [value / _TIMES for value in found[name]] for name in found}
    refit = _own_refit(found)
    report.figures += [
        Figure.cheaper("linear.delete_1", "s", each[_UNIFORM], refit, 35.0),
        Figure.cheaper("linear.delete_1_sklearn", "s", each[_UNIFORM], sgd, 300.0),
        Figure.cheaper("linear.delete_1_recent", "s", each[_RECENT], refit, 200.0),
        _flat(each["flat"], each["flat, a tenth"]),
    ]


_TIMES = 40
"""Deletions, one by one, in a run."""


def _one_by_one(sisa: Sisa, bench: _Bench, means: Mapping[str, float | None]) -> dict[str, Callable[[], None]]:
    """For each mean age a call that deletes the next `_TIMES` rows, chosen now: exponential ages, None for uniform."""
    alive = np.ones(sisa.rows_left, np.bool_)
    calls: dict[str, Callable[[], None]] = {}
    for name, mean in means.items():
        gone = ages(bench.rng, alive, _TIMES * (bench.runs + 1), mean)
        alive[gone] = False
        calls[name] = partial(_delete_next, sisa, iter(bench.rng.permutation(gone).reshape(-1, _TIMES)))
    return calls


def _delete_next(sisa: Sisa, turns: Iterator[NDArray[np.intp]]) -> None:
    for position in next(turns):
        sisa.delete(position[None])


def _own_refit(found: dict[str, list[float]]) -> list[float]:
    return min(found["whole"], found["sharded"], key=statistics.median)


def _flat(many: Sequence[float], few: Sequence[float]) -> Figure:
    """The cost at ten times the rows over the cost: a ceiling."""
    runs = [ours / peer for ours, peer in zip(many, few, strict=True)]
    sides = {"ours": many, "peer": few}
    return Figure("linear.flat", statistics.median(runs), "times", None, 1.2, more_is_better=False, runs=sides)


def _batches(bench: _Bench, report: Report) -> None:
    count = len(bench.train) // 200
    for name, mean in ((_UNIFORM, None), (_RECENT, len(bench.train) / 20)):
        found: dict[str, list[float]] = {side: [] for side in ("all", "even", "odd", "whole", "sharded")}
        for _ in range(bench.runs):
            gone = ages(bench.rng, np.ones(len(bench.train), np.bool_), count, mean)
            for side, shards in _SIDES.items():
                found[side].append(_batch(bench, gone, shards))
            found["whole"].append(seconds(bench.whole_refit))
            found["sharded"].append(seconds(bench.sharded_refit))
        refit, longer = _own_refit(found), max(found["even"], found["odd"], key=statistics.median)
        report.figures += [
            Figure.cheaper(f"linear.delete_1000_{name}", "s", found["all"], refit, 1.0),
            Figure.cheaper(f"linear.delete_1000_{name}_two", "s", longer, refit, 2.0),
        ]
    report.notes.append(f"batches are of {count:,}; _two: the longer of two processes with half of the shards each")
    worst = min((f for f in report.figures if f.name in _BATCHES), key=lambda f: f.ratio or 0.0)
    report.figures.append(Figure.cheaper("linear.delete_1000", "s", worst.runs["ours"], worst.runs["peer"], 1.0))


_EVEN = np.arange(_SHARDS) % 2 == 0
_SIDES = {"all": np.ones(_SHARDS, np.bool_), "even": _EVEN, "odd": ~_EVEN}
_BATCHES = (f"linear.delete_1000_{_UNIFORM}", f"linear.delete_1000_{_RECENT}")


def _batch(bench: _Bench, gone: NDArray[np.intp], shards: NDArray[np.bool_]) -> float:
    """Seconds of deleting what lies in these shards."""
    here = np.flatnonzero(shards[bench.home])
    sisa = _fitted(bench.learner, bench.train.take(here), bench.home[here])
    inside = np.searchsorted(here, gone[np.isin(gone, here)])
    return seconds(lambda: sisa.delete(inside))


def _others(bench: _Bench, best: Tuned, report: Report) -> None:
    here = np.flatnonzero(bench.home == 0)
    plain = PlainSisa(best.x[here], best.y[here], 10, {"alpha": best.settings["alpha"]})
    plain.fit()
    sisa = bench.sisa()
    ours, peer = [], []
    for position in bench.rng.permutation(len(here))[: bench.runs].tolist():
        peer.append(seconds(partial(plain.delete, position)))
        ours.append(seconds(partial(sisa.delete, here[position : position + 1])))
    report.figures.append(Figure.cheaper("linear.delete_1_plain_sisa", "s", ours, peer))
    river = river_seconds("linear", bench.train.take(np.arange(3000)))
    row = [value / len(bench.train) for value in interleaved({"ours": bench.whole_refit}, bench.runs)["ours"]]
    if isinstance(river, str):
        report.notes.append(f"River: missing, {river}")
    report.figures.append(Figure.cheaper("linear.row_river", "s", row, [] if isinstance(river, str) else [river]))


def _mails(corpus: Rows, report: Report) -> None:
    fold = np.random.default_rng(5).integers(0, 4, len(corpus))
    splits = [(corpus.take(fold != held), corpus.take(fold == held)) for held in range(4)]
    best = tuned_sgd(splits, (5,))
    report.notes.append(f"mails, four folds: {best}")
    _accuracies("mails", splits, best.accuracy, report)


def _accuracies(name: str, splits: Sequence[tuple[Rows, Rows]], peer: float, report: Report) -> None:
    """Both sides tuned on the test rows; ours as it comes, too."""
    for shards, slack in ((1, 0.0), (_SHARDS, 0.005)):
        found = {one: _accuracy(Linear(CLASSES, FEATURES, *one), splits, shards) for one in _options(shards)}
        best = max(found, key=lambda one: found[one])
        as_it_comes = _accuracy(Linear(CLASSES, FEATURES), splits, shards)
        where = f"linear.accuracy_{name}_s{shards}"
        report.figures += [
            Figure(where, found[best], "right", peer, peer - slack, True, {"ours": [found[best]], "peer": [peer]}),
            Figure(f"{where}_default", as_it_comes, "right", peer, peer - slack, True, {"ours": [as_it_comes]}),
        ]
        report.notes.append(f"{name}, S = {shards}: ours is best with lr, eps and rarity {best}")


def _options(shards: int) -> Iterator[tuple[float, float, float]]:
    """lr, eps, rarity; the last changes nothing where there is one shard."""
    yield from product(_STEPS, _EPS, _RARITIES if shards > 1 else (0.0,))


def _accuracy(learner: Linear, splits: Sequence[tuple[Rows, Rows]], shards: int) -> float:
    right = []
    for train, test in splits:
        home = np.random.default_rng(1).integers(0, shards, len(train))
        states = [learner.learn(learner.empty(), train.take(home == shard)) for shard in range(shards)]
        right.append(float((learner.ensemble(states).scores(test).argmax(axis=1) == test.labels).mean()))
    return float(np.mean(right))

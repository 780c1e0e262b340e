"""The forest: builds, deletions, memory and accuracy beside dare_rf's and scikit-learn's, on Adult."""

from __future__ import annotations

import gc
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bench.figures import Figure, Report, percentile
from bench.forest.dare import Dare, Ended, environment, started
from bench.forest.data import Sample, sample, substitute
from bench.forest.resident import grown_bytes
from bench.forest.sides import DareSide, Ours, Refit, Round, Side, Took, rounds
from bench.forest.table import losses, table
from bench.machine import on_one_core, pin
from unlearn.errors import UnlearnError
from unlearn_models.forest import PRESETS, Settings

__all__ = ["phases", "run"]

_Q1, _Q01, _ACCURATE = "q=1", "q=.1", "accurate"
_DARE, _FOREST, _FOREST_Q01, _BOOSTING = "dare_rf", "RandomForest", "RandomForest, .1", "HistGradientBoosting"
_MIB = 2**20


class _Size(NamedTuple):
    trees: int
    runs: int
    singles: int
    batch: int
    boosts: int


_FULL, _QUICK = _Size(100, 9, 500, 1000, 100), _Size(20, 5, 20, 100, 10)


def phases(quick: bool) -> int:
    return (_QUICK if quick else _FULL).runs + 2


def run(config: Path | None, quick: bool, tick: Callable[[str], None], data: Path | None = None) -> Report:
    """Raises UnlearnError where `data` is not Adult, or not enough of it."""
    pin()
    size = _QUICK if quick else _FULL
    rows = substitute(2000) if quick else sample(data)
    if len(rows.y) < 4 * (size.singles + size.batch):
        raise UnlearnError(f"{len(rows.y):,} rows are too few for {size.batch:,} deletions at once")
    bench = _Bench(rows, size, rounds(len(rows.y), size.runs, size.singles, size.batch))
    report = Report("forest", _notes(bench))
    tick("making dare_rf's environment")
    with threadpool_limits(1), _settled(), _stored(rows, size) as stored, _dare(stored, report) as dare:
        bench.play(dare, report, tick)
        tick("memory")
        grown = {
            name: on_one_core(grown_bytes, stored, bench.ours[name].settings, bench.trained) for name in (_Q1, _Q01)
        }
    report.tables.append(table(bench.took, bench.mib(), size.batch))
    report.figures += [*_deletions(bench), *_builds(bench), *_memory(bench, grown), *_accuracies(bench)]
    report.notes += [_rights(bench), *losses(bench.took, [*bench.ours])]
    return report


class _Bench:
    """Who takes part, and what each took in every round; without its rounds, a side is missing."""

    def __init__(self, rows: Sample, size: _Size, turns: Sequence[Round]) -> None:
        keys = np.random.default_rng(1).integers(0, 2**63, len(rows.y)).astype(np.uint64)
        forests = {
            _Q1: Settings(size.trees),
            _Q01: Settings(size.trees, share=0.1),
            _ACCURATE: Settings(**PRESETS["accurate"] | {"trees": size.trees}),
        }
        self.size, self.turns, self.rows = size, turns, rows
        self.trained = len(turns[0].train)
        self.ours = {name: Ours(name, settings, rows, keys) for name, settings in forests.items()}
        self.dare: DareSide | None = None
        self.others = {name: Refit(name, make, rows) for name, make in _refits(size).items()}
        self.took: dict[str, list[Took]] = {}

    def play(self, dare: Dare | None, report: Report, tick: Callable[[str], None]) -> None:
        """All sides take turns in every round; a first turn of ours is not counted."""
        self.took = {name: [] for name in (*self.ours, _DARE, *self.others)}
        sides: list[Side] = [*self.ours.values(), *self.others.values()]
        if dare is not None:
            self.dare = DareSide(dare)
            sides.append(self.dare)
        first = rounds(500, 1, 5, 10)[0]
        for ours in self.ours.values():
            replace(ours, refits=[], nbytes=[]).take(first)
        for turn in self.turns:
            tick(f"round {turn.seed + 1} of {len(self.turns)}")
            for side in [*sides]:
                try:
                    self.took[side.name].append(side.take(turn))
                except Ended as error:
                    sides.remove(side)
                    self._miss(error, report)

    def _miss(self, error: Ended, report: Report) -> None:
        report.notes.append(f"dare_rf: MISSING, {error}; its figures count as not met")
        self.took[_DARE], self.dare = [], None

    def mib(self) -> dict[str, float]:
        """Medians of what forests hold once built; dare_rf's without its rows."""
        counted = {name: ours.nbytes for name, ours in self.ours.items()}
        if self.dare is not None:
            counted[_DARE] = self.dare.counted
        return {name: statistics.median(counts) / _MIB for name, counts in counted.items()}

    def builds(self, name: str) -> list[float]:
        return [took.build for took in self.took[name]]

    def means(self, name: str) -> list[float]:
        """Milliseconds of a single deletion, by round."""
        return [1e3 * statistics.fmean(took.single) for took in self.took[name]]

    def p99s(self, name: str) -> list[float]:
        return [1e3 * percentile(took.single, 0.99) for took in self.took[name]]

    def right(self, name: str) -> list[float]:
        return [took.right for took in self.took[name]]


def _refits(size: _Size) -> Mapping[str, Callable[[int], Any]]:
    def forest(seed: int, share: float | None = None) -> RandomForestClassifier:
        return RandomForestClassifier(
            size.trees, max_depth=10, max_features=9, max_samples=share, random_state=seed, n_jobs=1
        )

    return {
        _FOREST: forest,
        _FOREST_Q01: lambda seed: forest(seed, 0.1),
        _BOOSTING: lambda seed: HistGradientBoostingClassifier(max_iter=size.boosts, random_state=seed),
    }


def _notes(bench: _Bench) -> list[str]:
    size, turn = bench.size, bench.turns[0]
    of_a_round = (
        f"{bench.trained:,} rows to train on, {len(turn.test):,} to test, {size.singles} deletions one by one, a "
        f"batch of {size.batch:,}; what is left is built anew, and its bytes are compared"
    )
    settings = (
        f"{size.trees} trees, depth 10, 25 thresholds, 9 columns a node on every side but the preset accurate and "
        "HistGradientBoosting; ours with q = .1 is the preset fast, eager; rows come with their keys"
    )
    return [
        bench.rows.what,
        f"{size.runs} rounds with a split and a seed each, all sides in turn; one core, CPU seconds",
        of_a_round,
        settings,
        "a deletion from a scikit-learn estimator is a refit",
    ]


def _rights(bench: _Bench) -> str:
    """The table rounds away what sides differ by."""
    found = (f"{name} {statistics.median(bench.right(name)):.4f}" for name in bench.took if bench.took[name])
    return f"accuracy: {', '.join(found)}"


@contextmanager
def _settled() -> Iterator[None]:
    """What was imported need not be looked through by each of the collections between measurements."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _stored(rows: Sample, size: _Size) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, x=rows.x, y=rows.y, settings=np.array([size.trees, 10, 25, 9]))
        yield path


@contextmanager
def _dare(stored: Path, report: Report) -> Iterator[Dare | None]:
    """None where it can't be had, which the report then says."""
    python = environment()
    if isinstance(python, str):
        report.notes.append(f"dare_rf: MISSING, {python}; its figures count as not met")
        yield None
        return
    report.notes.append("dare_rf 1.1.4 is the wheel, which is 1.3 to 2 times slower than a build from source")
    with started(python, stored) as dare:
        yield dare


def _deletions(bench: _Bench) -> list[Figure]:
    return [
        Figure.cheaper("forest.delete_1", "ms", bench.means(_Q1), bench.means(_DARE), 10.0),
        _ceiling("forest.delete_1_mean", "ms", bench.means(_Q1), 0.5),
        Figure.cheaper("forest.delete_1_p99", "ms", bench.p99s(_Q1), bench.p99s(_DARE)),
        _ceiling("forest.delete_1_q01", "ms", bench.means(_Q01), 0.06),
        _ceiling("forest.delete_1_q01_p99", "ms", bench.p99s(_Q01), 0.5),
        Figure.cheaper("forest.delete_1_q01_dare", "ms", bench.means(_Q01), bench.means(_DARE)),
        *(_batch(bench, name, end) for name, end in ((_Q1, ""), (_Q01, "_q01"), (_ACCURATE, "_accurate"))),
        Figure("forest.bytes_that_differ", float(sum(ours.differ for ours in bench.ours.values())), "rounds", goal=0.0),
    ]


def _ceiling(name: str, unit: str, values: Sequence[float], goal: float) -> Figure:
    return Figure(name, statistics.median(values), unit, goal=goal, runs={"ours": values})


def _batch(bench: _Bench, name: str, end: str) -> Figure:
    """The worst round's batch, in refits of what it left."""
    batches, refits = [took.batch for took in bench.took[name]], bench.ours[name].refits
    worst = max(batch / refit for batch, refit in zip(batches, refits, strict=True))
    return Figure(f"forest.batch_1000{end}", worst, "refits", goal=1.0, runs={"ours": batches, "peer": refits})


def _builds(bench: _Bench) -> list[Figure]:
    peer = bench.builds(_FOREST)
    return [
        Figure.cheaper("forest.build", "s", bench.builds(_Q1), peer, 6.0),
        Figure.cheaper("forest.build_q01", "s", bench.builds(_Q01), peer, 25.0),
        Figure.cheaper("forest.build_q01_same_share", "s", bench.builds(_Q01), bench.builds(_FOREST_Q01)),
        Figure.cheaper("forest.build_dare", "s", bench.builds(_Q1), bench.builds(_DARE)),
        Figure.cheaper("forest.build_boosting", "s", bench.builds(_Q1), bench.builds(_BOOSTING)),
    ]


def _memory(bench: _Bench, grown: Mapping[str, int]) -> list[Figure]:
    """Arrays in use, rows included, beside what dare_rf counts, rows left out; then growth of the processes."""
    found = []
    counted = [count / _MIB for count in bench.dare.counted] if bench.dare else []
    beside = bench.dare.grown / _MIB if bench.dare and bench.dare.grown else None
    for name, end, goal in ((_Q1, "", 22.0), (_Q01, "_q01", 7.0)):
        ours = [count / _MIB for count in bench.ours[name].nbytes]
        peer = statistics.median(counted) if counted else None
        runs = {"ours": ours, "peer": counted}
        found += [
            Figure(f"forest.memory{end}", statistics.median(ours), "MiB", peer, goal, runs=runs),
            Figure(f"forest.memory_resident{end}", grown[name] / _MIB, "MiB", beside),
        ]
    return found


def _accuracies(bench: _Bench) -> list[Figure]:
    dare = bench.right(_DARE)
    missing = 1.0  # which is never reached
    goal = statistics.median(dare) if dare else missing
    found = [Figure.of_runs("forest.accuracy", "right", bench.right(_Q1), dare, goal)]
    found.append(Figure.of_runs("forest.accuracy_q01", "right", bench.right(_Q01), dare))
    found.append(Figure.of_runs("forest.accuracy_accurate", "right", bench.right(_ACCURATE), dare, 0.86))
    return [*found, Figure.of_runs("forest.accuracy_boosting", "right", bench.right(_ACCURATE), bench.right(_BOOSTING))]

"""Who takes part: our forest by its settings, dare_rf, scikit-learn's refits; each does the same in a round."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.clock import seconds
from bench.forest.dare import Dare
from bench.forest.data import Sample
from unlearn_models.forest import Forest, Settings

__all__ = ["DareSide", "Ours", "Refit", "Round", "Side", "Took", "rounds"]

Positions = NDArray[np.int64]


class Round(NamedTuple):
    """train, test: a split of the sample's rows;  single, batch: distinct places in train, to be deleted."""

    seed: int
    train: Positions
    test: Positions
    single: Positions
    batch: Positions


class Took(NamedTuple):
    """CPU seconds: to build, of each single deletion, of the batch; and the share of the test rows that were right."""

    build: float
    single: Sequence[float]
    batch: float
    right: float


class Side(Protocol):
    name: str

    def take(self, turn: Round) -> Took:
        """Build, classify, delete one by one, then the batch from what is left."""


def rounds(n: int, runs: int, singles: int, batch: int) -> list[Round]:
    """Four fifths of n rows are trained on, others in each round."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        train, test = np.split(rng.permutation(n), [4 * n // 5])
        single, many, _ = np.split(rng.permutation(len(train)), [singles, singles + batch])
        found.append(Round(seed, train, test, single, many))
    return found


@dataclass
class Ours:
    """refits: seconds to build anew without the batch;  differ: how often that gave other bytes;  nbytes: once built,
    of the forest with its rows."""

    name: str
    settings: Settings
    sample: Sample
    keys: NDArray[np.uint64]
    refits: list[float] = field(default_factory=list)
    differ: int = 0
    nbytes: list[int] = field(default_factory=list)

    def take(self, turn: Round) -> Took:
        keys, settings = self.keys[turn.train], replace(self.settings, seed=turn.seed)
        forest, build = self._built(settings, turn.train)
        self.nbytes.append(forest.nbytes())
        right = float((forest.predict(self.sample.x[turn.test]).argmax(axis=1) == self.sample.y[turn.test]).mean())
        single = _each(forest.apply, [keys[place : place + 1] for place in turn.single.tolist()])
        batch = seconds(lambda: forest.apply(keys[turn.batch]))
        left = np.delete(turn.train, np.concatenate([turn.single, turn.batch]))
        anew, refit = self._built(settings, left)
        self.refits.append(refit)
        self.differ += _bytes(forest) != _bytes(anew)
        return Took(build, single, batch, right)

    def _built(self, settings: Settings, rows: Positions) -> tuple[Forest, float]:
        keys, x, y = self.keys[rows], self.sample.x[rows], self.sample.y[rows]
        forest = Forest(settings, 2, x.shape[1])
        return forest, seconds(lambda: forest.apply(added_keys=keys, x=x, y=y))


@dataclass
class DareSide:
    """grown: bytes that its process grew by in the first build;  counted: by its own count, once built."""

    dare: Dare
    name: str = "dare_rf"
    grown: int | None = None
    counted: list[int] = field(default_factory=list)

    def take(self, turn: Round) -> Took:
        before = self.dare.resident_bytes()
        build = self.dare.build(turn.train.tolist(), turn.seed)
        if self.grown is None:
            self.grown = self.dare.resident_bytes() - before
        self.counted.append(self.dare.counted_bytes())
        right = self.dare.right(turn.test.tolist())
        single = self.dare.delete(turn.single[:, None].tolist())
        (batch,) = self.dare.delete([turn.batch.tolist()])
        return Took(build, single, batch, right)


@dataclass
class Refit:
    """An estimator that can't forget: a deletion, of one or of many, is a fit of the rows left."""

    name: str
    make: Callable[[int], Any]
    sample: Sample

    def take(self, turn: Round) -> Took:
        x, y = self.sample.x[turn.train], self.sample.y[turn.train]
        model = self.make(turn.seed)
        build = seconds(lambda: model.fit(x, y))
        right = float(model.score(self.sample.x[turn.test], self.sample.y[turn.test]))
        return Took(build, [build], build, right)


def _bytes(forest: Forest) -> list[bytes]:
    return [array.tobytes() for array in forest.trees()._asdict().values()]


def _each(call: Callable[[Any], object], arguments: Sequence[Any]) -> list[float]:
    """CPU seconds of each call, the collector at rest."""
    took = []
    gc.collect()
    gc.disable()
    try:
        for argument in arguments:
            began = time.process_time()
            call(argument)
            took.append(time.process_time() - began)
    finally:
        gc.enable()
    return took

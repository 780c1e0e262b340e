"""After any adds and deletes a forest is the one that was never told of what is gone, byte for byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.models.adult import adult, as_bytes
from unlearn_models.forest import Forest, Settings

KINDS = ("bit", "constant", "few", "many", "all", "rare", "seldom")


@st.composite
def shapes(draw: st.DrawFn) -> Settings:
    depth = draw(st.integers(0, 6))
    return Settings(
        trees=draw(st.integers(1, 3)),
        depth=depth,
        thresholds=draw(st.sampled_from([1, 2, 3, 25])),
        features=draw(st.integers(1, 5)),
        share=draw(st.sampled_from([1.0, 1.0, 0.6, 0.1])),
        random_layers=draw(st.sampled_from([0, 0, 1, 9])) if depth > 9 else draw(st.integers(0, min(depth, 2))),
        min_leaf=draw(st.sampled_from([1, 1, 2, 5])),
        seed=draw(st.integers(0, 2**63 - 1)),
    )


def column(kind: str, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    if kind in ("bit", "seldom"):
        return (rng.random(n) < (0.5 if kind == "bit" else 0.04)).astype(np.float64)
    if kind == "constant":
        return np.full(n, -2.5)
    if kind == "few":
        return rng.integers(-2, 3, n).astype(np.float64)
    if kind == "many":
        return np.round(rng.normal(size=n), 1)
    if kind == "rare":
        return np.where(rng.random(n) < 0.1, rng.integers(0, 9, n), 0.0)
    return rng.normal(size=n)


class World:
    """Rows made as they are needed; a forest, and what it should hold."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.rng = np.random.default_rng(data.draw(st.integers(0, 2**32), label="numbers"))
        self.kinds = data.draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6), label="columns")
        self.classes = data.draw(st.sampled_from([2, 2, 3, 5]), label="classes")
        self.one_class = data.draw(st.sampled_from([False] * 7 + [True]))
        self.shape = data.draw(shapes(), label="settings")
        bucket, reserve = data.draw(st.sampled_from([1, 4, 16, 64])), data.draw(st.sampled_from([0, 1, 4]))
        self.forest = Forest(self.shape, self.classes, len(self.kinds), bucket=bucket, reserve=reserve)
        self.keys: NDArray[np.uint64] = np.empty(0, np.uint64)
        self.x: NDArray[np.float64] = np.empty((0, len(self.kinds)))
        self.y: NDArray[np.int64] = np.empty(0, np.int64)

    def step(self, most: int) -> None:
        draw, rng = self.data.draw, self.rng
        n = draw(st.sampled_from([0, 1, 1, 2, 10, most]), label="added")
        gone = rng.permutation(len(self.keys))[: draw(st.sampled_from([0, 1, 1, 2, 10, most]), label="deleted")]
        x = np.stack([column(kind, rng, n) for kind in self.kinds], axis=1)
        y = (np.abs(x.sum(axis=1) + rng.normal(size=n)) * 2).astype(np.int64) % self.classes * (not self.one_class)
        keys = rng.integers(0, 2**63, n).astype(np.uint64)
        left = np.delete(np.arange(len(self.keys)), gone)
        if n and len(left) and draw(st.booleans(), label="one again"):
            keys[0], x[0], y[0] = self.keys[left[0]], self.x[left[0]], self.y[left[0]]
        self.forest.apply(self.keys[gone], keys, x, y, lazy=draw(st.booleans(), label="lazy"))
        self.keys = np.append(self.keys[left], keys)
        self.x, self.y = np.append(self.x[left], x, axis=0), np.append(self.y[left], y)

    def fresh(self) -> bytes:
        order = self.rng.permutation(len(self.keys))
        forest = Forest(self.shape, self.classes, len(self.kinds))
        forest.apply([], self.keys[order], self.x[order], self.y[order])
        return as_bytes(forest)


@settings(max_examples=1000)
@given(data=st.data())
def test_a_short_history_leaves_no_trace(data: st.DataObject) -> None:
    world = World(data)
    for _ in range(data.draw(st.integers(1, 6), label="steps")):
        world.step(40)
        assert as_bytes(world.forest.copy()) == world.fresh()
    world.forest.apply(world.keys)
    assert as_bytes(world.forest) == as_bytes(Forest(world.shape, world.classes, len(world.kinds)))


@settings(max_examples=100)
@given(data=st.data())
def test_a_column_that_varies_only_later_leaves_no_trace(data: st.DataObject) -> None:
    # given: a column of bits that is constant at first, and is the best split as soon as it varies
    world, draw = World(data), data.draw
    n, most = draw(st.integers(30, 60), label="rows"), len(world.kinds) + 1
    world.shape = replace(world.shape, depth=4, features=draw(st.integers(1, most)), share=1.0, random_layers=0)
    world.forest = Forest(world.shape, 2, most, bucket=draw(st.sampled_from([1, 4, 16])))
    world.classes, world.kinds = 2, [*world.kinds, "late"]
    for late, added in ((0.0, n), *((1.0, draw(st.integers(1, 5), label="late rows")) for _ in range(3))):
        x = np.stack([column(kind, world.rng, added) for kind in world.kinds], axis=1)
        x[:, -1] = late
        y = world.rng.integers(0, 2, added) if late == 0.0 else np.ones(added, np.int64)
        keys = world.rng.integers(0, 2**63, added).astype(np.uint64)
        # when
        world.forest.apply([], keys, x, y)
        # then
        world.keys, world.y = np.append(world.keys, keys), np.append(world.y, y)
        world.x = np.append(world.x.reshape(-1, most), x, axis=0) if len(world.x) else x
        assert as_bytes(world.forest.copy()) == world.fresh()


@settings(max_examples=150)
@given(data=st.data())
def test_a_long_lazy_history_leaves_no_trace(data: st.DataObject) -> None:
    world = World(data)
    for _ in range(data.draw(st.integers(10, 20), label="steps")):
        world.step(300)
    assert as_bytes(world.forest) == world.fresh()


BASE = Settings(trees=8, depth=9, features=9, seed=12)


@pytest.mark.parametrize("share", [1.0, 0.1])
@pytest.mark.parametrize("random_layers", [0, 2])
def test_months_of_changes_leave_no_trace(share: float, random_layers: int) -> None:
    # given
    keys, x, y = adult(6000)
    shape = replace(BASE, share=share, random_layers=random_layers)
    rng = np.random.default_rng(3)
    held = rng.random(6000) < 0.6
    forest = Forest(shape, 2, x.shape[1])
    forest.apply([], keys[held], x[held], y[held])
    for step in range(1, 601):
        # when
        out = rng.choice(np.flatnonzero(held), rng.choice([0, 1, 1, 1, 5, 60]), replace=False)
        into = rng.choice(np.flatnonzero(~held), rng.choice([0, 1, 1, 1, 5, 60]), replace=False)
        forest.apply(keys[out], keys[into], x[into], y[into], lazy=rng.random() < 0.3)
        held[out], held[into] = False, True
        # then
        if step % 60 == 0:
            again = Forest(shape, 2, x.shape[1])
            again.apply([], keys[held], x[held], y[held])
            assert as_bytes(forest) == as_bytes(again)

"""The forest is what its specification says, written again in plain Python with fractions."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from unlearn_models.forest import Forest, Settings

ALL = 2**64 - 1


class Row(NamedTuple):
    key: int
    x: tuple[float, ...]
    y: int


Tree = list[tuple[int, float, list[int]]]


def mix(x: int) -> int:
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = (x ^ (x >> 33)) * factor & ALL
    return x ^ (x >> 33)


def salt(seed: int, tree: int) -> int:
    x = (tree + 1) * 0x9E3779B97F4A7C15 & ALL
    for _ in range(2):
        x = (x ^ seed) * 0xBF58476D1CE4E5B9 & ALL
        x = (x ^ (x >> 31)) * 0x94D049BB133111EB & ALL
        x ^= x >> 29
    return x


def rank(key: int, feature: int) -> int:
    x = (key ^ ((feature + 1) * 0x9E3779B1)) & 0xFFFFFFFF
    x = (x ^ (x >> 16)) * 0x85EBCA6B & 0xFFFFFFFF
    x = (x ^ (x >> 13)) * 0xC2B2AE35 & 0xFFFFFFFF
    return ((x ^ (x >> 16)) & 0xFFFFFC00) | feature


def value_hash(key: int, feature: int, value: float) -> int:
    own = mix(key ^ ((feature + 1) * 0xC4CEB9FE1A85EC53 & ALL))
    return mix(struct.unpack("<Q", struct.pack("<d", value))[0] ^ own)


def gain(rows: list[Row], feature: int, value: float, classes: int) -> Fraction:
    total = Fraction(0)
    for side in ([r for r in rows if r.x[feature] <= value], [r for r in rows if r.x[feature] > value]):
        total += Fraction(sum(sum(r.y == c for r in side) ** 2 for c in range(classes)), len(side))
    return total


def candidates(rows: list[Row], key: int, s: Settings) -> list[tuple[int, float]]:
    """In the order of their hashes."""
    varying = [f for f in range(len(rows[0].x)) if len({r.x[f] for r in rows}) > 1]
    found = []
    for f in sorted(varying, key=lambda f: rank(key, f))[: s.features]:
        values = sorted({r.x[f] for r in rows})[:-1]
        values = sorted(values, key=lambda v: value_hash(key, f, v))[: s.thresholds]
        found += [(f, v) for v in values if s.min_leaf <= sum(r.x[f] <= v for r in rows) <= len(rows) - s.min_leaf]
    return found


def grow(rows: list[Row], key: int, depth: int, s: Settings, classes: int) -> Tree:
    counts = [sum(r.y == c for r in rows) for c in range(classes)]
    splits = []
    if depth < s.depth and len(rows) >= 2 * s.min_leaf and max(counts) < len(rows):
        splits = candidates(rows, key, s)
    if not splits:
        return [(-1, 0.0, counts)]
    feature, value = splits[0]
    if depth >= s.random_layers:
        feature, value = min(splits, key=lambda split: (-gain(rows, split[0], split[1], classes), split))
    sides = [r for r in rows if r.x[feature] <= value], [r for r in rows if r.x[feature] > value]
    keys = [mix((key + (side + 1) * 0x9E3779B97F4A7C15) & ALL) for side in (0, 1)]
    below = [grow(sides[side], keys[side], depth + 1, s, classes) for side in (0, 1)]
    return [(feature, value, []), *below[0], *below[1]]


def oracle(rows: list[Row], s: Settings, classes: int) -> list[Tree]:
    trees = []
    for t in range(s.trees):
        root = salt(s.seed, t)
        sampler = mix(root ^ 0xC4CEB9FE1A85EC53)
        seen = [r for r in rows if Fraction(mix(r.key ^ sampler)) < Fraction(s.share) * 2**64]
        trees.append(grow(seen, root, 0, s, classes))
    return trees


def published(forest: Forest) -> list[Tree]:
    starts, feature, threshold, _, counts = forest.trees()
    trees, leaf = [], 0
    for t in range(len(starts) - 1):
        tree: Tree = []
        for node in range(starts[t], starts[t + 1]):
            end = feature[node] < 0
            tree.append((int(feature[node]), float(threshold[node]), counts[leaf].tolist() if end else []))
            leaf += int(end)
        trees.append(tree)
    return trees


def sample(n: int, classes: int, seed: int) -> tuple[NDArray[np.uint64], NDArray[np.float64], NDArray[np.int64]]:
    """Bits, a constant, few and many values, negative ones, ties; the label follows from some of them."""
    rng = np.random.default_rng(seed)
    x = np.stack(
        [
            rng.integers(0, 2, n).astype(float),
            np.full(n, 3.5),
            rng.integers(-2, 3, n).astype(float),
            np.round(rng.normal(size=n), 1),
            rng.normal(size=n) * 1e6,
            rng.integers(0, 2, n) * 7.0 - 1.0,
            rng.integers(0, 2, n).astype(float),
        ],
        axis=1,
    )
    x[:, 6] = 1.0 - x[:, 0]
    y = (np.abs(x[:, 0] + x[:, 2] + x[:, 3] + rng.normal(size=n)) * 1.7).astype(np.int64) % classes
    return rng.integers(0, 2**63, n).astype(np.uint64), x, y


SETTINGS = [
    Settings(trees=3, depth=6, thresholds=25, features=3, seed=1),
    Settings(trees=3, depth=4, thresholds=1, features=7, seed=2),
    Settings(trees=3, depth=8, thresholds=4, features=2, share=0.5, min_leaf=3, seed=2**63 - 1),
    Settings(trees=3, depth=5, thresholds=3, features=4, random_layers=2, seed=4),
    Settings(trees=2, depth=0, seed=5),
    Settings(trees=3, depth=7, thresholds=50, features=7, min_leaf=10, random_layers=7, seed=6),
]


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("n", [0, 1, 2, 17, 150])
def test_a_forest_is_the_one_its_specification_names(n: int, settings: Settings, classes: int) -> None:
    # given
    keys, x, y = sample(n, classes, seed=n)
    forest = Forest(settings, classes, 7, bucket=16)
    # when
    forest.apply([], keys, x, y)
    # then
    rows = [Row(int(k), tuple((v + 0.0).tolist()), int(c)) for k, v, c in zip(keys, x, y, strict=True)]
    assert published(forest) == oracle(rows, settings, classes)

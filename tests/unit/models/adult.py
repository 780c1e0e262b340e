"""Adult's rows, or rows of its shape."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Rows
from unlearn_models.forest import Forest, Settings

ADULT = Path(__file__).parents[4] / "shared" / "data" / "adult.csv.gz"
NUMERIC = (0, 2, 4, 10, 11, 12)
NAMED = (1, 5, 6, 7, 8, 9, 13)
Sample = tuple[NDArray[np.uint64], NDArray[np.float64], NDArray[np.int64]]


def adult(n: int) -> Sample:
    """n rows with their keys: six numeric columns, the others one-hot; like Adult where Adult is missing."""
    x, y = read() if ADULT.exists() else made(max(n, 1000))
    rng = np.random.default_rng(11)
    order = rng.permutation(len(y))[:n]
    return rng.integers(0, 2**63, n).astype(np.uint64), np.ascontiguousarray(x[order]), y[order]


def adult_rows(n: int, classes: int = 2) -> Rows:
    """The same as rows for a learner: zeros are absent; a third class and more in turn."""
    _, x, y = adult(n)
    labels = ((y + np.arange(n) % (classes - 1)) % classes).astype(np.int32)
    cells = x != 0
    ends = np.append(0, np.cumsum(cells.sum(axis=1))).astype(np.int64)
    return Rows(labels, ends, np.nonzero(cells)[1].astype(np.int32), x[cells])


def read() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    with gzip.open(ADULT, "rt") as source:
        rows = [[cell.strip() for cell in row] for row in csv.reader(source)]
    rows = [row for row in rows if len(row) == 15 and "?" not in row]
    columns = [np.array([float(row[i]) for row in rows]) for i in NUMERIC]
    for i in NAMED:
        names = [row[i] for row in rows]
        columns += [np.array([float(name == each) for name in names]) for each in sorted(set(names))]
    return np.stack(columns, axis=1), np.array([row[14] == ">50K" for row in rows]).astype(np.int64)


def made(n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Few and many distinct values, columns that are mostly zero, one-hot groups, a label that follows from them."""
    rng = np.random.default_rng(7)
    skill = rng.normal(size=n)
    columns: list[NDArray[np.float64]] = [
        np.clip(np.round(38 + 13 * rng.normal(size=n)), 17, 90),
        np.round(np.exp(rng.normal(12, 0.5, n))).astype(np.float64),
        np.clip(np.round(10 + 2.5 * skill), 1, 16),
        np.where(rng.random(n) < 0.08, rng.integers(1, 119, n) * 137.0, 0.0),
        np.where(rng.random(n) < 0.05, rng.integers(1, 90, n) * 31.0, 0.0),
        np.clip(np.round(40 + 11 * rng.normal(size=n)), 1, 99),
    ]
    for size in (7, 7, 14, 6, 5, 2, 41):
        shares = 1 / np.arange(1, size + 1)
        group = rng.choice(size, n, p=shares / shares.sum())
        columns += [(group == each).astype(np.float64) for each in range(size)]
    y = skill + (columns[0] - 38) / 26 + (columns[3] > 0) + columns[6] + rng.normal(size=n) > 1.7
    return np.stack(columns, axis=1), y.astype(np.int64)


def fresh(settings: Settings, keys: NDArray[np.uint64], x: NDArray[np.float64], y: NDArray[np.int64]) -> Forest:
    forest = Forest(settings, 2, x.shape[1])
    forest.apply([], keys, x, y)
    return forest


def as_bytes(forest: Forest) -> bytes:
    return b"".join(array.tobytes() for array in forest.trees())

"""What forests are measured on: Adult, or rows of its shape where it is not at hand."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.errors import UnlearnError
from unlearn_study.errors import BadData
from unlearn_study.features import encode
from unlearn_study.sources.names import Names
from unlearn_study.sources.records import Records
from unlearn_study.sources.table import read_table

__all__ = ["ADULT", "Sample", "sample", "substitute"]

ADULT = Path(__file__).parents[3] / "shared" / "data" / "adult.csv.gz"
_SCHOOLING, _CELLS, _RICH = 3, 14, ">50K"
"""The years in school are a column of their own; a row's cells beside its label; the label that counts as 1."""
_GROUPS = (7, 7, 14, 6, 5, 2, 41)
"""Words of Adult's named columns."""


class Sample(NamedTuple):
    """x (n, features) float64; y (n,) int32, 1 for the rarer class; what they are."""

    x: NDArray[np.float64]
    y: NDArray[np.int32]
    what: str


def sample(path: Path | None = None) -> Sample:
    """Adult's rows without a missing cell, its six numbers and one column a word.

    Without a path from where it lies beside the project, or a substitute.  Raises UnlearnError for what is not Adult.
    """
    if path is None and not ADULT.exists():
        return substitute()
    try:
        return _adult(path or ADULT)
    except BadData as error:
        raise UnlearnError(str(error)) from None


def _adult(path: Path) -> Sample:
    records = read_table(path, Names(), None)
    if not records.table or len(records.table[0]) != _CELLS:
        raise BadData(f"{path}: not Adult, whose rows have {_CELLS} cells and a label")
    whole = [i for i, cells in enumerate(records.table) if "?" not in cells]
    table = [records.table[i] for i in whole]
    kept = Records("adult", table=[cells[:_SCHOOLING] + cells[_SCHOOLING + 1 :] for cells in table])
    y = np.array([records.labels[i] == _RICH for i in whole], np.int32)
    rows, n_features = encode(kept, y)[1]
    x = np.zeros((len(y), n_features))
    x[np.repeat(np.arange(len(y)), np.diff(rows.indptr)), rows.indices] = rows.values
    return Sample(x, y, f"Adult, {len(y):,} rows without a missing cell x {n_features} columns, one a word")


def substitute(n: int = 30_162, seed: int = 7) -> Sample:
    """Six numbers, two of them mostly zero, and one-hot groups; a quarter of the labels are 1."""
    rng = np.random.default_rng(seed)
    skill, age = rng.normal(size=(2, n))
    gain = np.where(rng.random(n) < 0.1 + 0.05 * (skill > 1), np.round(rng.lognormal(8, 1, n)), 0.0)
    numbers = [
        np.clip(np.round(38 + 13 * age), 17, 90),
        np.round(rng.lognormal(12, 0.5, n)),
        np.clip(np.round(10 + 2.5 * skill), 1, 16),
        gain,
        np.where(rng.random(n) < 0.05, np.round(rng.uniform(155, 4356, n), -1), 0.0),
        np.clip(np.round(40 + 12 * rng.normal(size=n)), 1, 99),
    ]
    named = [_one_hot(rng, size, skill) for size in _GROUPS]
    score = 1.5 * skill + 0.5 * age + 2.0 * (gain > 3000) + named[1][:, 0] + rng.logistic(size=n)
    y = (score > np.quantile(score, 0.75)).astype(np.int32)
    what = f"NO ADULT: {n:,} made rows of its shape stand in for it, and accuracies mean nothing beside Adult's"
    return Sample(np.column_stack([*numbers, *named]), y, what)


def _one_hot(rng: np.random.Generator, size: int, skill: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, size): the first word is the commonest, and commoner still with skill."""
    place = np.minimum(rng.exponential(size / 4, len(skill)) * np.exp(-0.3 * skill), size - 1).astype(np.int64)
    return np.eye(size)[place]

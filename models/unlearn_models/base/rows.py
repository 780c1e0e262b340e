"""Training rows: what a learner learns, forgets and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.errors import BadRows

_COLUMNS: dict[str, np.dtype[Any]] = {
    "labels": np.dtype(np.int32),
    "indptr": np.dtype(np.int64),
    "indices": np.dtype(np.int32),
    "values": np.dtype(np.float64),
}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n training rows in slot order, features as CSR; all arrays C-contiguous.

    labels (n,) int32, index into the model's classes, -1 = no label;  indptr (n+1,) int64;
    indices (nnz,) int32, ascending within a row;  values (nnz,) float64, finite, never 0.0 or -0.0.
    Raises BadRows where dtypes or shapes disagree; the order of indices and the values are the learner's to check.
    """

    labels: NDArray[np.int32]
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name, dtype in _COLUMNS.items():
            object.__setattr__(self, name, _column(name, getattr(self, name), dtype))
        if len(self.indptr) != len(self.labels) + 1 or len(self.indices) != len(self.values):
            raise BadRows("the columns of the rows differ in length")
        if self.indptr[0] != 0 or self.indptr[-1] != len(self.indices) or _falls(self.indptr):
            raise BadRows("indptr does not cut the features into rows")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
        """The rows at these positions, in the order given, or those where the mask (n,) is true.

        Where the mask is true of all it is these rows themselves; positions always give a copy.
        """
        if which.dtype == np.bool_ and which.all():
            return self
        picked: NDArray[Any] = np.flatnonzero(which) if which.dtype == np.bool_ else which
        indptr, cells = cells_of(self.indptr, picked)
        return Rows(self.labels[picked], indptr, self.indices[cells], self.values[cells])

    def part(self, start: int, stop: int) -> Rows:
        """Rows start..stop-1; labels, indices and values share memory with these rows."""
        a, b = self.indptr[start], self.indptr[stop]
        ends = self.indptr[start : stop + 1] - a
        return Rows(self.labels[start:stop], ends, self.indices[a:b], self.values[a:b])

    @staticmethod
    def concat(parts: Sequence[Rows]) -> Rows:
        """All rows of the parts, one part after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Rows.empty()
        return Rows(
            np.concatenate([part.labels for part in parts]),
            _ends(np.concatenate([np.diff(part.indptr) for part in parts])),
            np.concatenate([part.indices for part in parts]),
            np.concatenate([part.values for part in parts]),
        )

    @staticmethod
    def empty() -> Rows:
        """No rows at all."""
        return Rows(np.empty(0, np.int32), np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float64))


def cells_of(indptr: NDArray[np.int64], at: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows at these positions put one after the other: their indptr (k+1,), and the old index of each of their
    cells.
    """
    sizes = indptr[at + 1] - indptr[at]
    ends = _ends(sizes)
    return ends, np.arange(ends[-1]) + np.repeat(indptr[at] - ends[:-1], sizes)


def _column(name: str, array: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
        raise BadRows(f"{name} is not a flat array of {dtype.name}")
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.require(array, requirements=["C", "A"])


def _falls(indptr: NDArray[np.int64]) -> bool:
    return bool((indptr[1:] < indptr[:-1]).any())


def _ends(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    ends = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=ends[1:])
    return ends

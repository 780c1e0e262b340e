"""What all learners over hashed features share: their classes, and the checks of rows and states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.columns import MAX_FEATURES, row_in_order
from unlearn_models.base.errors import BadRows, BadSettings, BadState
from unlearn_models.base.learner import State
from unlearn_models.base.rows import Rows


def check_shape(classes: tuple[str, ...], n_features: int) -> None:
    """Raises BadSettings unless there are two distinct classes or more, and 1 <= n_features < 2**31."""
    if len(classes) < 2 or len(set(classes)) != len(classes) or not all(classes):
        raise BadSettings("a learner needs at least two classes, with distinct names")
    if not 1 <= n_features <= MAX_FEATURES:
        raise BadSettings(f"the number of features must lie in 1..{MAX_FEATURES}")


def well_formed(rows: Rows, n_classes: int, n_features: int) -> NDArray[np.bool_]:
    """Which rows have a known label or none, ascending features in range, and finite values other than 0: (n,) bool."""
    good = np.empty(len(rows), np.bool_)
    row_in_order(rows.indptr, rows.indices, rows.values, n_features, good)
    good &= (rows.labels >= -1) & (rows.labels < n_classes)
    return good


def labelled(rows: Rows) -> Rows:
    """The rows with a label, in order."""
    known = rows.labels >= 0
    return rows if known.all() else rows.take(known)


def demand(good: NDArray[np.bool_], what: str) -> None:
    """Raises BadRows with the first position where good (n,) is false; `what` goes on after "row 3 of 10"."""
    if not good.all():
        raise BadRows(f"row {int(np.argmin(good))} of {len(good)} {what}")


def freeze(**arrays: NDArray[Any]) -> State:
    """A state of these arrays, made read-only so that no caller can change what another one holds."""
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def check_arrays(state: State, wanted: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raises BadState unless the state has just these arrays, name -> (dtype, shape)."""
    if set(state) != set(wanted):
        raise BadState(f"a state holds {sorted(wanted)}, not {sorted(state)}")
    for name, (dtype, shape) in wanted.items():
        array = state[name]
        if array.dtype != np.dtype(dtype) or array.shape != shape or not array.flags.c_contiguous:
            raise BadState(f"{name} is not a {dtype} array of shape {shape}")


def count_features(state: State, n_features: int) -> int:
    """How many features the state has seen.  Raises BadState unless they are sorted and in range."""
    features = state.get("features", np.empty(0))
    if features.dtype != np.int32 or features.ndim != 1:
        raise BadState("a state's features are not a flat int32 array")
    if len(features) and (features[0] < 0 or features[-1] >= n_features or (features[1:] <= features[:-1]).any()):
        raise BadState("a state's features are not sorted and in range")
    return len(features)


def check_rows_seen(seen: NDArray[np.int64]) -> None:
    """Raises BadState if a number of rows is negative."""
    if (seen < 0).any():
        raise BadState("a state holds a negative number of rows")

"""Rows as hypothesis draws them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from unlearn_models import Rows

FEATURES = 12
CLASSES = ("a", "b", "c")

counts = st.integers(1, 3).map(float)
finite = st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value != 0)


def rows(values: st.SearchStrategy[float], max_size: int = 12) -> st.SearchStrategy[Rows]:
    row = st.tuples(
        st.integers(-1, len(CLASSES) - 1), st.dictionaries(st.integers(0, FEATURES - 1), values, max_size=5)
    )
    return st.lists(row, max_size=max_size).map(_as_rows)


def _as_rows(drawn: list[tuple[int, dict[int, float]]]) -> Rows:
    cells = [sorted(row.items()) for _, row in drawn]
    return Rows(
        np.array([label for label, _ in drawn], np.int32),
        np.cumsum([0, *map(len, cells)]).astype(np.int64),
        np.array([index for row in cells for index, _ in row], np.int32),
        np.array([value for row in cells for _, value in row], np.float64),
    )

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.models.corpora import as_rows, tweets
from unlearn_models.folds.holes import without

ROWS = as_rows(*tweets(40, seed=1), 2**8)


@pytest.mark.parametrize("gone", [[], [0], [39], [0, 1, 38, 39], [5, 7, 8], list(range(40))])
def test_the_others_are_left_in_order(gone: list[int]) -> None:
    left = without(ROWS, np.array(gone, np.int64))
    expected = ROWS.take(~np.isin(np.arange(40), gone))
    for name in ("labels", "indptr", "indices", "values"):
        assert getattr(left, name).tobytes() == getattr(expected, name).tobytes()

"""Which rows of those that a method was built on are left, for methods that move the others up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Survivors"]


class Survivors:
    """Says by a byte a row whether it is left."""

    def __init__(self, count: int = 0) -> None:
        self._left = np.ones(count, np.bool_)

    def remove(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Strike the rows at these positions among all `count`; returns their places among those that were left.

        Raises IndexError for a row that isn't left; then nothing is struck.
        """
        if not self._left[positions].all():
            raise IndexError("a row was deleted before")
        places = np.cumsum(self._left)[positions] - 1
        self._left = self._left.copy()  # copies of a method share what they were built on
        self._left[positions] = False
        return places

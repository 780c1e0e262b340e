"""Which rows of those that a method was built on are left, for methods that move the others up."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Survivors"]


class Survivors:
    """Says by a byte a row whether it is left. It never changes, so copies of a method may share it."""

    def __init__(self, count: int = 0) -> None:
        self._left = np.ones(count, np.bool_)

    def places(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the rows at these positions among all `count` stand among those that are left.

        Raises IndexError for a row that isn't left.
        """
        if not self._left[positions].all():
            raise IndexError("a row was deleted before")
        return np.cumsum(self._left)[positions] - 1

    def without(self, positions: NDArray[np.int64]) -> Self:
        """Those that are left when the rows at these positions among all `count` have gone."""
        rest = type(self)()
        rest._left = self._left.copy()  # noqa: SLF001  its own kind
        rest._left[positions] = False  # noqa: SLF001
        return rest

"""The interface of every method of the study."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Rows

__all__ = ["Method"]


class Method(Protocol):
    """A model that can delete rows; positions are those among the rows given to `build`."""

    def build(self, rows: Rows, shard: NDArray[np.int32]) -> None:
        """Learn all rows (n,); shard (n,) is each row's shard, for methods that have shards."""
        ...

    def delete(self, positions: NDArray[np.int64]) -> None:
        """Make the model what it would be had it never learned the rows at these positions (ascending, distinct)."""
        ...

    def publish(self) -> list[bytes]:
        """The model's canonical bytes, one item for each shard: equal models give equal bytes."""
        ...

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        """Probabilities (n, classes) float64."""
        ...

    def copy(self) -> Self:
        """A copy whose deletions change nothing here."""
        ...

    def bytes(self) -> int:
        """Bytes of memory held between deletions: training rows, states, checkpoints."""
        ...

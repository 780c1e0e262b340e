"""What every method of the study does."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Rows

__all__ = ["Method"]


class Method(Protocol):
    """Positions are those of the rows that were built from."""

    def build(self, rows: Rows, shard: NDArray[np.int32]) -> None:
        """Learn all rows (n,); shard (n,) is each row's, for methods that have shards."""
        ...

    def delete(self, positions: NDArray[np.int64]) -> None:
        """Make the model that never saw these rows (ascending, distinct)."""
        ...

    def publish(self) -> list[bytes]:
        """The model's canonical bytes, a part each shard: equal models, equal bytes."""
        ...

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        """Probabilities (n, classes)."""
        ...

    def copy(self) -> Self:
        """Another one, whose deletions change nothing here."""
        ...

    def bytes(self) -> int:
        """Memory held between deletions: training rows, states, checkpoints."""
        ...

"""What a shard's state has let go of and the membership still counts: rows whose subjects' clean-ups are open.

A job that forgets compares its sum with the membership's. What the state before it has forgotten needn't be looked for
in the files again as long as its part of the difference is known. It is known from the last job, less what was buried
since; after a claim it isn't.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unlearn.partition.ledger import Kill
from unlearn.partition.slices.lineage import MODULUS, slot_hash

__all__ = ["Unburied"]


@dataclass(frozen=True, slots=True)
class Unburied:
    """Of the state in `file`, which holds no row that was dead before `applied`, of the slices up to `through`."""

    file: str
    through: int
    applied: int
    sum: int
    """The sum of the slots' hashes of the rows that died before `applied` and are still to be buried."""

    def without(self, buried: Iterable[Kill]) -> Unburied:
        """The same after more rows of the shard were buried; those that the state didn't know to be dead don't count.

        A row that an event kills outright died after the state's `applied`, so it counts as little.
        """
        gone = sum(slot_hash(kill.slot) for kill in buried if kill.slot < self.through and kill.death < self.applied)
        return Unburied(self.file, self.through, self.applied, (self.sum - gone) % MODULUS)

"""How many rows the copies of a deletion have killed, as the owners of their partitions have noted it in Redis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from unlearn.partition.receipts.pending import LATER, Pending
from unlearn.state.copy_kills import NO_OFFSET, CopyKills, drop_copy_kills, parse_copy_kills, read_copy_kills
from unlearn.state.scripts import Op, PartitionState

__all__ = ["CopyCounts", "counted"]


def counted(held: Pending, original: tuple[int, int], found: Mapping[int, CopyKills]) -> Pending:
    """The copied deletion with its count, if all partitions have told what its copies killed; else as it is.

    `found`: by partition. Where a count was dropped before it was asked for, nobody will ever know it: no `killed`.
    """
    total = held.killed or 0
    for partition, copy in (held.copies or {}).items():
        told = found[int(partition)]
        counts = told.counts.get(original, {})
        if told.applied <= copy or LATER in counts.values():
            return held
        if copy < told.kept_from and not {copy, NO_OFFSET} & set(counts):
            return held._replace(killed=None)
        total += sum(counts.values())
    return held._replace(records=total)


class CopyCounts:
    """Reads the counts of other partitions, and tells how they are removed. `state_of`: a partition's client."""

    def __init__(self, state_of: Callable[[int], PartitionState]) -> None:
        self._state_of = state_of
        self._states: dict[int, PartitionState] = {}

    def of(self, partition: int, deletions: Mapping[int, Pending]) -> dict[int, Pending]:
        """Those of at most 1,000 deletions, read in this partition, whose counts are settled now.

        One read for each partition with a copy. Raises StateUnavailable.
        """
        copied = ((o, held) for o, held in deletions.items() if held.copies is not None and not held.cleanups)
        waiting = {o: held for o, held in copied if held.awaits_count}
        found: dict[int, CopyKills] = {}
        for other, offsets in _by_copy(waiting).items():
            state, originals = self._state(other), [(partition, offset) for offset in offsets]
            found[other] = parse_copy_kills(originals, state.look(read_copy_kills(state.keys, originals)))
        settled = {offset: counted(held, (partition, offset), found) for offset, held in waiting.items()}
        return {offset: held for offset, held in settled.items() if not held.awaits_count}

    def removals(self, partition: int, deletions: Mapping[int, Pending]) -> list[Op]:
        """The commands that remove what was noted of deletions, read in this partition, whose last receipts are out.

        They belong to the script that closes these: were they sent behind it, and Redis set back in between, the
        deletions would be open again and their notes gone.
        """
        told = {o: held for o, held in deletions.items() if held.copies and (held.records or 0) > (held.killed or 0)}
        return [
            op
            for other, offsets in _by_copy(told).items()
            for op in drop_copy_kills(self._state(other).keys, [(partition, offset) for offset in offsets])
        ]

    def _state(self, partition: int) -> PartitionState:
        if partition not in self._states:
            self._states[partition] = self._state_of(partition)
        return self._states[partition]


def _by_copy(deletions: Mapping[int, Pending]) -> dict[int, Sequence[int]]:
    """Partition -> offsets of the deletions that have a copy there."""
    found: dict[int, list[int]] = defaultdict(list)
    for offset, held in deletions.items():
        for partition in held.copies or ():
            found[int(partition)].append(offset)
    return dict(found)

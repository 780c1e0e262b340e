"""A log's replay in plain dicts, and the packed reference, which must agree with it."""

from __future__ import annotations

from collections.abc import Sequence

from unlearn.log.protocol import Record
from unlearn.simulate.replay import Replay, replay
from unlearn.verification.reference import Model
from unlearn.verification.reference_fold import fold
from unlearn.verification.reference_rows import Members, members_of
from unlearn.verification.reference_subjects import NEVER


def replayed(model: Model, partition: int, records: Sequence[Record]) -> Replay:
    """The replay. Asserts that the reference has the same rows, slice ends, and newest states."""
    found, members = replay(model, partition, records), members_of(model, partition, records)
    beyond = max((record.offset for record in records), default=0) + 2
    assert rows_of(members) == {
        slot: (row.shard, row.end, NEVER if row.death is None else row.death) for slot, row in found.rows.items()
    }
    for offset in range(beyond):
        assert members.is_end(offset) == found.is_end(offset)
        assert members.last_end(offset) == found.last_end(offset)
    through = dict.fromkeys(range(model.shards), found.last_end(beyond))
    assert fold(model, members, records, through, beyond) == found.states(through, beyond)
    return found


def rows_of(members: Members) -> dict[int, tuple[int, int, int]]:
    """Slot -> shard, slice end, death."""
    columns = (column.tolist() for column in (members.slots, members.shards, members.deaths))
    return {slot: (shard, members.end_of(slot), death) for slot, shard, death in zip(*columns, strict=True)}

"""Steps 2 to 4 of the loop, by columns: usual inserts of new records apart from all that must go the general way.

Both ways give the same. The general way, `read_items` and `plan`, says what an event does. An insert may go the other
only if nothing else in the batch bears on it, and nothing in the membership but that its subject is dead: then all it
does is to become a row, or else to be forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn.events.addresses import Addressing
from unlearn.events.contents import Contents
from unlearn.events.partitioner import digests_of
from unlearn.events.silent_headers import SilentHeaders
from unlearn.events.usual_inserts import NOT_TAKEN, scanner_of
from unlearn.ingest.aliases import aliases_of, deleted_by
from unlearn.ingest.classify import Addressed, Deletion, Insertion, Item, Sending
from unlearn.ingest.dead_on_arrival import NONE_DEAD, DeadOnArrival
from unlearn.ingest.known_ids import KnownIds
from unlearn.ingest.new_rows import NewRows, first_of_each
from unlearn.ingest.read_items import ItemReader
from unlearn.log.columns import RecordColumns
from unlearn.log.protocol import Record
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.settings import Settings
from unlearn.state.aliases import Alias
from unlearn.state.entries import is_dead, is_empty
from unlearn.state.members import names_of
from unlearn_models.base.learner import Learner

__all__ = ["ColumnReader", "Reading", "bears_on"]


class Reading(NamedTuple):
    """What a batch asks for: the general way's items with their records, by offset, and the new rows beside them."""

    items: list[Item]
    records: Sequence[Record]
    rows: NewRows
    tally: Mapping[str, int] = MappingProxyType({})
    """What is counted beside the items: what a mapping's paths found, or inserts that are dead on arrival."""
    aliases: Mapping[bytes, Alias] = MappingProxyType({})
    """What Redis holds of the aliases that the items bear or name, with all whom those name that are deleted."""
    dead_on_arrival: DeadOnArrival = NONE_DEAD


class ColumnReader:
    """Finds the usual inserts of new records in the batches of one model."""

    def __init__(self, settings: Settings, learner: Learner, general: ItemReader) -> None:
        self._subjects = settings.subjects
        self._general = general
        self._scanner, self._silent = scanner_of(learner), SilentHeaders()
        self._addressing = Addressing(
            settings.secret_bytes, settings.classes, settings.partitions, settings.shards_per_partition
        )

    def read(self, owned: ClaimedPartition, records: RecordColumns) -> Reading:
        """What the records ask for. Raises Fenced, RolledBack, StateUnavailable."""
        rows, usual = self._usual(owned.partition, records)
        odd = records.records(~usual)
        items = self._general.items(owned, odd)
        aliases = aliases_of(owned, items)
        known, dead = _known(owned, rows)
        apart = bears_on(rows, items, known, deleted_by(aliases, items))
        if apart.any():
            moved = records.records(np.isin(records.offsets, rows.slots[apart]))
            items = sorted([*items, *self._general.sort(owned.partition, moved)], key=lambda item: item.offset)
            odd = sorted([*odd, *moved], key=lambda record: record.offset)
        dead &= ~apart
        dead_ones = DeadOnArrival(rows.addresses.records[dead], rows.addresses.subjects[dead])
        return Reading(items, odd, rows.take(~apart & ~dead), dead_ones.tally, aliases, dead_ones)

    def _usual(self, partition: int, records: RecordColumns) -> tuple[NewRows, NDArray[np.bool_]]:
        """The usual inserts that are at home, and which of the records they are (n,) bool."""
        data, found = records.data, self._scanner.scan(records.data, records.values)
        which = (found.kinds != NOT_TAKEN) & self._silent.of(records)
        which &= self._addressing.homes(data, found.records, found.subjects) == partition
        if not self._subjects:
            which &= found.subjects[:, 0] < 0
        subjects, contents = found.subjects[which], Contents.of(found).take(which)
        addresses = self._addressing.of(data, found.records[which], subjects, contents)
        owned = subjects[:, 0] >= 0
        return NewRows(records.offsets[which], owned, found.revisions[which], addresses, contents), which


def bears_on(
    rows: NewRows, items: Sequence[Item], known: NDArray[np.bool_], deleted: Sequence[Addressed] = ()
) -> NDArray[np.bool_]:
    """Which rows (n,) must go the general way: of their record or subject something else is to be done in the batch.

    `known`: the rows whose record the partition knows, or whose subject is empty; they go the general way too.
    `deleted`: whom the items delete by alias.
    """
    apart = known | _repeated(rows.addresses.records)
    whos = [*deleted, *(who for item in items if (who := _named(item)) is not None)]
    apart |= _among(rows.addresses.records, [who.record for who in whos if who.record])
    # A subject's first slot is the lowest that is accepted, so all its rows of a batch go one way.
    subjects = [who.subject for who in whos if who.subject]
    subjects += [subject.tobytes() for subject in rows.addresses.subjects[apart & rows.owned]]
    return apart | (rows.owned & _among(rows.addresses.subjects, subjects))


def _known(owned: ClaimedPartition, rows: NewRows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(the rows (n,) whose record the partition knows, or whose subject is empty; those whose subject is dead).

    Redis is asked only where it may be so.
    """
    ids, at = owned.kept(KnownIds), rows.addresses
    records = ids.may_know(at.records)
    subjects = rows.owned & ids.may_be_dead(at.subjects)
    if not records.any() and not subjects.any():
        return records, subjects
    first = first_of_each(at.subjects)
    asked = np.flatnonzero(subjects & (first == np.arange(len(rows))))
    entries, values = owned.look_up(names_of(at.records[records]), names_of(at.subjects[asked]))
    known, empty, dead = np.zeros((3, len(rows)), np.bool_)
    known[records] = [entry is not None for entry in entries]
    dead[asked] = [is_dead(value) for value in values]
    empty[asked] = [is_empty(value) for value in values]
    return known | (rows.owned & empty[first]), rows.owned & dead[first]


def _named(item: Item) -> Addressed | None:
    if isinstance(item, Insertion | Deletion):
        return item.who
    return item.refused.who if isinstance(item, Sending) and item.refused is not None else None


def _repeated(digests: NDArray[np.uint8]) -> NDArray[np.bool_]:
    first = first_of_each(digests)
    again: NDArray[np.bool_] = first != np.arange(len(first))
    again[first[again]] = True
    return again


def _among(digests: NDArray[np.uint8], named: Sequence[bytes]) -> NDArray[np.bool_]:
    """Which of the digests (n, 16) begin like one of those named; others do so only by chance, and it does no harm."""
    if not named:
        return np.zeros(len(digests), np.bool_)
    return np.isin(_begin(digests), _begin(digests_of(named)))


def _begin(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(digests[:, :8]).view(np.uint64)[:, 0]

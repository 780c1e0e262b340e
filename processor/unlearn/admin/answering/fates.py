"""What became of a partition's events: which inserts became rows, what killed these, what refuses the others. Pure.

Rows and deaths are the reference's (`verification.reference_rows`), applied to the few events that were found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from unlearn.admin.answering.question import owner_of
from unlearn.admin.answering.scan import Found
from unlearn.events.event import MAX_REVISION, Delete, Insert, Lift
from unlearn.events.partitioner import Digests
from unlearn.results.versions import Row
from unlearn.verification.reference import Arrivals, Model
from unlearn.verification.reference_rows import members_of
from unlearn.verification.reference_subjects import NEVER

__all__ = ["CONFLICT", "COUNTED", "OLDER", "REPEATED", "Fate", "Holding", "InForce", "fates_of"]

REPEATED = "the same came before"
CONFLICT = "its revision came before with other content, and the first one stays"
COUNTED = "it was sent on before"
OLDER = "a later revision came before"

_Name = tuple[str | None, str | None]
"""(subject id, record id) of what a request names; the subject is "" of a record that an alias names."""


class Fate(NamedTuple):
    """What became of one applied event.

    row      that an insert became
    by       the deletion that refuses an insert, or the insert whose row stands instead
    ignored  why it changed nothing, though no deletion refuses it
    forgets  of an insert, the deletion by one of its aliases, by which it deletes its subject
    nobody   whether it is a deletion by an alias that named nobody yet
    """

    found: Found
    row: Row | None = None
    by: Found | None = None
    ignored: str | None = None
    forgets: Found | None = None
    nobody: bool = False


class Holding(NamedTuple):
    """A deletion that holds for somebody, from the event `at` on: itself, or an insert that bears its alias."""

    by: Found
    at: Found
    revision: int


class InForce:
    """The deletions that hold, as the log is read on: those since the last lift of the same name.

    A deletion by alias holds for each whom the alias names.
    """

    def __init__(self, model: Model) -> None:
        self._arrivals = Arrivals(model)
        self._held: dict[_Name, list[Holding]] = {}
        self._named: dict[str, dict[_Name, None]] = {}
        self._aliases: dict[str, Found] = {}

    def counts(self, found: Found) -> bool:
        """Whether the next event of the partition counts: what was sent on does so once."""
        return self._arrivals.count(found.event, found.record)

    def take(self, found: Found) -> None:
        """Take the next request of the partition, one that counts."""
        event = found.event
        if isinstance(event, Lift):
            self._lift(event)
        elif isinstance(event, Delete) and event.alias is not None:
            self._aliases.setdefault(event.alias, found)
            for name in self._named.get(event.alias, ()):
                self._hold(name, found, found)
        elif isinstance(event, Delete) and event.scope is None:
            self._hold((event.subject_id, event.record_id), found, found, event.revision)

    def names(self, alias: str) -> bool:
        """Whether the alias names anybody by now."""
        return alias in self._named

    def bear(self, found: Found, insert: Insert) -> Found | None:
        """Take the aliases of the partition's next insert. Returns the first deletion of one of them that holds: by it
        the insert deletes its subject."""
        aliases = insert.aliases or ()
        for alias in aliases:
            self._named.setdefault(alias, {})[owner_of(insert)] = None
        deleted = [self._aliases[alias] for alias in aliases if alias in self._aliases]
        deleted.sort(key=lambda by: by.record.offset)
        for by in deleted:
            self._hold(owner_of(insert), by, found)
        return next(iter(deleted), None)

    def _hold(self, name: _Name, by: Found, at: Found, revision: int | None = None) -> None:
        held = Holding(by, at, MAX_REVISION if revision is None else revision)
        self._held.setdefault(name, []).append(held)

    def _lift(self, event: Lift) -> None:
        if event.alias is not None:
            self._aliases.pop(event.alias, None)
            return
        self._held.pop((event.subject_id, event.record_id), None)
        if event.subject_id is None and event.record_id is not None:
            self._held.pop(("", event.record_id), None)

    def refusing(self, insert: Insert) -> Found | None:
        """The first deletion that holds and refuses an insert."""
        pair = insert.subject_id, insert.record_id
        names = dict.fromkeys([owner_of(insert), pair, (None, pair[1])])
        held = (one for name in names for one in self._held.get(name, ()))
        refusing = (one for one in held if one.revision >= insert.revision)
        first = min(refusing, key=lambda one: one.at.record.offset, default=None)
        return None if first is None else first.by

    def holding(self) -> list[Holding]:
        """The deletions that hold."""
        return [one for several in self._held.values() for one in several]


def fates_of(model: Model, partition: int, events: Sequence[Found], in_force: InForce) -> list[Fate]:
    """What became of a partition's applied events that count there, in the order of offsets.

    There must be all that touches the inserts among them, and all lifts. `in_force` takes the requests.
    """
    rows = _rows_of(model, partition, events)
    at = {found.record.offset: found for found in events}
    digests, fates = Digests(model.secret), list[Fate]()
    standing: dict[_Name, list[tuple[Found, Row]]] = {}
    for offset, found in at.items():
        event = found.event
        if not in_force.counts(found):
            fates.append(Fate(found, ignored=COUNTED))
            continue
        if not isinstance(event, Insert):
            nobody = event.alias is not None and not in_force.names(event.alias)
            in_force.take(found)
            fates.append(Fate(found, nobody=nobody))
            continue
        forgets = in_force.bear(found, event)
        stood = standing.setdefault((event.subject_id, event.record_id), [])
        row = rows.get(offset)
        if row is not None:
            stood.append((found, row))
            fates.append(Fate(found, row))
        elif (by := in_force.refusing(event)) is not None:
            fates.append(Fate(found, by=by, forgets=forgets))
        else:
            fates.append(_ignored(found, event, stood, digests))
    return fates


def _rows_of(model: Model, partition: int, events: Iterable[Found]) -> dict[int, Row]:
    """Slot -> row."""
    members = members_of(model, partition, [found.record for found in events])
    columns = (each.tolist() for each in (members.slots, members.shards, members.deaths))
    found = zip(*columns, strict=True)
    return {slot: Row(shard, slot, None if death == NEVER else death) for slot, shard, death in found}


def _ignored(found: Found, event: Insert, stood: Iterable[tuple[Found, Row]], digests: Digests) -> Fate:
    by = next(_alive_at(stood, found.record.offset), None)
    if by is None or not isinstance(by.event, Insert):
        return Fate(found, ignored=OLDER)
    if by.event.revision > event.revision:
        return Fate(found, by=by, ignored=OLDER)
    same = digests.content(by.event) == digests.content(event)
    return Fate(found, by=by, ignored=REPEATED if same else CONFLICT)


def _alive_at(stood: Iterable[tuple[Found, Row]], offset: int) -> Iterator[Found]:
    return (found for found, row in stood if row.death is None or row.death > offset)

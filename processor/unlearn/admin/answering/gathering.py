"""Gathers all events of the log that tell of what is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from unlearn.admin.answering.question import (
    Question,
    Sought,
    aliases_of,
    bearing_aliases,
    either,
    may_bear,
    may_hold,
    may_request,
    of_aliases,
    of_records_everywhere,
    of_whole_subjects,
    touching,
)
from unlearn.admin.answering.scan import Found, Interval, Scanner
from unlearn.admin.answering.standing import Reached
from unlearn.events.event import Insert

__all__ = ["Gathered", "Gatherer"]


@dataclass(frozen=True)
class Gathered:
    """The events by the partition where they were read, each in the order of offsets."""

    found: dict[int, list[Found]] = field(default_factory=dict)

    def add(self, partition: int, events: Iterable[Found]) -> None:
        """Add events of a partition; each stays once, and is told of if either says so."""
        held = {one.record.offset: one for one in self.found.get(partition, ())}
        for one in events:
            before = held.get(one.record.offset)
            held[one.record.offset] = one if before is None or one.told else before
        self.found[partition] = [held[offset] for offset in sorted(held)]


class Gatherer:
    """Reads what a question needs. `ends`: of the log, by partition; `reached`: how far each partition has come."""

    def __init__(self, scanner: Scanner, reached: Mapping[int, Reached], ends: Mapping[int, tuple[int, int]]) -> None:
        self._scanner = scanner
        self._reached = reached
        self._ends = ends
        self._model = scanner.model

    def of(self, question: Question) -> Gathered:
        """All that names what is asked, and what refuses or ends its rows. Raises LogUnavailable, TopicMissing."""
        if question.kind == "event":
            return self._of_event(question)
        if question.kind == "subject":
            return self._of_subject(question)
        return self._of_record(question)

    def _of_subject(self, question: Question) -> Gathered:
        """At its home all that names it, and what names its records or its aliases alone; elsewhere what isn't sent on
        yet."""
        gathered, home = Gathered(), self._model.home(question.id)
        for partition in self._reached:
            part = self._whole(partition) if partition == home else self._unsent(partition)
            gathered.add(partition, self._scanner.scan(part, question.names, may_hold(question.id)))
        inserts = _inserts(gathered.found[home])
        if inserts:
            records = of_records_everywhere({insert.record_id for insert in inserts})
            sought = either(records, of_aliases(aliases_of(inserts)))
            gathered.add(home, self._scanner.scan(self._whole(home), sought, may_request))
            self._add_unsent(gathered, home, sought)
        return gathered

    def _of_record(self, question: Question) -> Gathered:
        """Wherever it may be all that names it, and what names its subjects alone, or by an alias."""
        gathered = Gathered()
        homes = {self._model.home(question.id)} if not self._model.subjects else set(self._reached)
        for partition in self._reached:
            part = self._whole(partition) if partition in homes else self._unsent(partition)
            events = self._scanner.scan(part, question.names, may_hold(question.id))
            gathered.add(partition, events)
            inserts = _inserts(one for one in events if one.counts)
            gathered.add(partition, self._of_subjects_alone(partition, inserts))
            self._add_aliases(gathered, partition, inserts, told=True)
        return gathered

    def _of_subjects_alone(self, partition: int, inserts: Iterable[Insert]) -> list[Found]:
        subjects = {insert.subject_id for insert in inserts if insert.subject_id is not None}
        if not subjects:
            return []
        return self._scanner.scan(self._whole(partition), of_whole_subjects(subjects), may_request)

    def _of_event(self, question: Question) -> Gathered:
        """The event wherever it stands; of an insert, all at its home that touches its record, too."""
        gathered = Gathered()
        for partition in self._reached:
            events = self._scanner.scan(self._whole(partition), question.names, may_hold(question.id))
            gathered.add(partition, events)
        for insert in _inserts(one for held in gathered.found.values() for one in held if one.told):
            home = self._model.home(insert.subject_id or insert.record_id)
            part = self._whole(home)
            gathered.add(home, self._scanner.scan(part, touching(insert), _may_touch(insert), told=False))
            self._add_aliases(gathered, home, [insert], told=False)
        return gathered

    def _add_aliases(self, gathered: Gathered, partition: int, inserts: Sequence[Insert], *, told: bool) -> None:
        """Add all inserts with aliases of those to whom these belong, and what names one of these aliases.

        `told`: whether the latter are told of.
        """
        if not inserts:
            return
        bearing = self._scanner.scan(self._whole(partition), bearing_aliases(inserts), may_bear, told=False)
        gathered.add(partition, bearing)
        aliases = aliases_of(_inserts(bearing))
        if aliases:
            named = self._scanner.scan(self._whole(partition), of_aliases(aliases), may_request, told=told)
            gathered.add(partition, named)
            if told:
                self._add_unsent(gathered, partition, of_aliases(aliases))

    def _add_unsent(self, gathered: Gathered, home: int, sought: Sought) -> None:
        """Add the requests sought that are still to be copied to `home`."""
        for other in self._reached.keys() - {home}:
            gathered.add(other, self._scanner.scan(self._unsent(other), sought, may_request))

    def _whole(self, partition: int) -> Interval:
        start, stop = self._ends[partition]
        held = self._reached[partition]
        return Interval(partition, max(start, held.start), stop, held.skipped)

    def _unsent(self, partition: int) -> Interval:
        whole = self._whole(partition)
        return whole._replace(start=max(whole.start, self._reached[partition].unsent))


def _may_touch(insert: Insert) -> Callable[[bytes], bool]:
    holds = may_hold(insert.record_id)
    return lambda value: holds(value) or may_request(value)


def _inserts(found: Iterable[Found]) -> list[Insert]:
    return [one.event for one in found if isinstance(one.event, Insert)]

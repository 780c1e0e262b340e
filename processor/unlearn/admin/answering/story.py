"""What became of each event that was found, put together for the answer. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from unlearn.admin.answering.fates import Fate
from unlearn.admin.answering.receipts import receipts_told
from unlearn.admin.answering.report import Cause, EventTold, Outcome, ReceiptTold, RowTold, SeenTold
from unlearn.admin.answering.scan import Found
from unlearn.events.event import Delete, Insert, Lift, Request
from unlearn.ingest.classify import NO_SUBJECTS
from unlearn.moments import rfc3339
from unlearn.results.manifest import Position, Receipt
from unlearn.results.versions import Row, Seen, Version, held_by

__all__ = ["Story", "cause_of"]

Place = tuple[int, int]
_NOT_APPLIED = "not applied yet"
_NOT_SENT_ON = "to be sent to its home partition yet"


@dataclass
class Story:
    """Puts together what is known.

    subjects  whether the model has any
    found     all events of the log that were gathered
    fates     of the applied ones, by partition
    versions  of each partition with rows, in order
    receipts  of the events that are told of
    """

    subjects: bool
    found: Sequence[Found]
    fates: Mapping[int, Sequence[Fate]]
    versions: Mapping[int, Sequence[Version]] = field(default_factory=dict)
    receipts: Sequence[Receipt] = ()

    def __post_init__(self) -> None:
        rows = {p: [fate.row for fate in held if fate.row is not None] for p, held in self.fates.items()}
        self._deaths = {p: {row.death for row in held} for p, held in rows.items()}
        self._killers = {
            p: {fate.found.record.offset: fate.forgets or fate.found for fate in held} for p, held in self.fates.items()
        }

    def told(self) -> tuple[EventTold, ...]:
        """All events that are told of, by time; those whose time isn't known come first."""
        fates = defaultdict[Place, list[tuple[int, Fate]]](list)
        for partition, held in self.fates.items():
            for fate in held:
                fates[fate.found.place].append((partition, fate))
        events: dict[Place, Found] = {}
        for found in sorted(self.found, key=lambda found: (not found.counts, found.record.offset)):
            if found.told:
                events.setdefault(found.place, found)
        receipts = self._receipts()
        told = [self._event(found, fates[place], receipts.pop(place, ())) for place, found in events.items()]
        told += [_receipts_alone(place, held) for place, held in receipts.items()]
        return tuple(sorted(told, key=lambda one: (one.at or "", one.partition, one.offset)))

    def _receipts(self) -> dict[Place, Sequence[Receipt]]:
        found = defaultdict[Place, list[Receipt]](list)
        for receipt in self.receipts:
            found[receipt.partition, receipt.offset].append(receipt)
        return dict(found)

    def _event(self, found: Found, fates: Sequence[tuple[int, Fate]], receipts: Sequence[Receipt]) -> EventTold:
        # A deletion that was copied is applied where its sender put it, if that is a partition of the model's.
        own = [one for one in fates if (one[0], one[1].found.record.offset) == found.place]
        partition, fate = next(iter([*own, *fates]), (found.record.partition, None))
        event, told = found.event, receipts_told(receipts)
        outcome, reason = self._outcome(found, fate, told)
        by = None if fate is None else fate.by
        at = None if fate is None else Position(partition=partition, offset=fate.found.record.offset)
        return EventTold(
            type=event.type,
            event_id=event.event_id,
            record_id=event.record_id,
            subject_id=event.subject_id,
            alias=event.alias if isinstance(event, Request) else None,
            revision=None if isinstance(event, Lift) else event.revision,
            scope=event.scope if isinstance(event, Delete) else None,
            partition=found.place[0],
            offset=found.place[1],
            at=rfc3339(found.at),
            applied_at=at,
            outcome=outcome if not self._updates(fate) else "updated",
            reason=reason,
            because=None if by is None else cause_of(by),
            row=self._row(partition, fate),
            receipts=told,
        )

    def _outcome(self, found: Found, fate: Fate | None, receipts: Iterable[ReceiptTold]) -> tuple[Outcome, str | None]:
        if found.event.subject_id is not None and not self.subjects:
            return "refused", NO_SUBJECTS
        if fate is None:
            return "waiting", _NOT_APPLIED if found.counts else _NOT_SENT_ON
        if fate.ignored is not None:
            return "ignored", fate.ignored
        if isinstance(found.event, Insert):
            return ("inserted", None) if fate.row is not None else ("refused", None)
        refused = next((receipt.reason for receipt in receipts if receipt.state == "refused"), None)
        if refused is not None:
            return "refused", refused
        return ("deleted" if isinstance(found.event, Delete) else "lifted"), None

    def _updates(self, fate: Fate | None) -> bool:
        """Whether the insert's row took the place of another."""
        if fate is None or fate.row is None:
            return False
        return fate.row.slot in self._deaths[fate.found.record.partition]

    def _row(self, partition: int, fate: Fate | None) -> RowTold | None:
        if fate is None or fate.row is None:
            return None
        row, held = fate.row, held_by(self.versions.get(partition, ()), fate.row)
        return RowTold(
            partition=partition,
            shard=row.shard,
            slot=row.slot,
            ended=self._ended(partition, row),
            first_version=_seen(held.first),
            last_version=_seen(held.last),
            without=_seen(held.without),
            versions_known=held.known,
        )

    def _ended(self, partition: int, row: Row) -> Cause | None:
        killer = None if row.death is None else self._killers[partition].get(row.death)
        return None if killer is None else cause_of(killer)


def cause_of(found: Found) -> Cause:
    """An event as the cause of something."""
    return Cause(
        type=found.event.type,
        event_id=found.event.event_id,
        record_id=found.event.record_id,
        subject_id=found.event.subject_id,
        alias=found.event.alias if isinstance(found.event, Request) else None,
        partition=found.place[0],
        offset=found.place[1],
        at=rfc3339(found.at),
    )


def _receipts_alone(place: Place, receipts: Sequence[Receipt]) -> EventTold:
    """What receipts tell of an event that can't be read, or that the log has no more."""
    told, first = receipts_told(receipts), receipts[0]
    states = {receipt.state: receipt for receipt in told}
    outcomes: dict[str, Outcome] = {
        "refused": "refused",
        "lifted": "lifted",
        "hidden": "deleted",
        "accepted": "deleted",
    }
    outcome: Outcome = next((outcomes[state] for state in outcomes if state in states), "waiting")
    reason = states["refused"].reason if outcome == "refused" else None
    if outcome == "waiting":
        reason = "its receipts have only states that this release doesn't know"
    return EventTold(
        type=None,
        event_id=first.event_id,
        record_id=None,
        subject_id=None,
        alias=None,
        revision=None,
        scope=None,
        partition=place[0],
        offset=place[1],
        at=None,
        applied_at=first.applied_at,
        outcome=outcome,
        reason=reason,
        because=None,
        row=None,
        receipts=told,
    )


def _seen(seen: Seen | None) -> SeenTold | None:
    return None if seen is None else SeenTold(version=seen.version, at=seen.at, exact=seen.exact)

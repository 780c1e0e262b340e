"""A request as the topics show it so far, and where it stands; its events' receipts may come in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from unlearn.gateway.requests.notes import Note, Place, Told
from unlearn.gateway.requests.ticket import Ticket
from unlearn.results.manifest import Receipt
from unlearn.timestamps import parse_timestamp

__all__ = ["Deletion", "Request", "Standing", "Status", "standing_of"]

Status = Literal["pending", "in_progress", "completed", "cancelled"]
_ORDER: Final = ("pending", "in_progress", "completed")
# A refused deletion waits for its operator: no lift can take it back any more.
_REACHED: Final[dict[str, Status]] = {"accepted": "in_progress", "refused": "in_progress", "hidden": "completed"}


@dataclass(slots=True)
class Deletion:
    """What receipts say of the deletion at one place; times in ms since 1970 UTC."""

    status: Status = "pending"
    records: int | None = None
    reason: str | None = None
    deadline: int | None = None
    ended: int | None = None

    def take(self, receipt: Receipt) -> None:
        """Repeats change nothing, but a count that comes later."""
        self.status = max(self.status, _REACHED.get(receipt.state, "pending"), key=_ORDER.index)
        if receipt.state == "hidden":
            self.records = receipt.records if self.records is None else self.records
            self.ended = self.ended or _ms(receipt.at)
        if receipt.state == "refused":
            self.reason = receipt.reason or "no reason was given"
        self.deadline = self.deadline or _ms(receipt.deadline)


@dataclass(slots=True, eq=False)
class Request:
    """What the topics show of a request.

    deletions  digest of a subject -> place -> the deletion there; a deletion that is sent again has several places
    lifts      digest of a subject -> places of its lifts; the last takes back the deletions before it and no others
    told       number of a callback -> the last note on it
    """

    ticket: Ticket
    deletions: dict[str, dict[Place, Deletion]] = field(default_factory=dict)
    lifts: dict[str, set[Place]] = field(default_factory=dict)
    told: dict[int, Note] = field(default_factory=dict)

    def take_lift(self, subject: str, place: Place) -> None:
        """A lift of the subject's deletion stands at this place, which is in the partition of the deletion."""
        self.lifts.setdefault(subject, set()).add(place)

    def drop_lift(self, subject: str, place: Place) -> None:
        """The lift at this place was refused, and takes nothing back."""
        self.lifts[subject].discard(place)

    def standing(self, subject: str) -> dict[Place, Deletion]:
        """The subject's deletions that no lift has taken back."""
        places, lifts = self.deletions[subject], self.lifts.get(subject)
        return {place: one for place, one in places.items() if place > max(lifts)} if lifts else places

    @property
    def whole(self) -> bool:
        """Whether the log holds the deletions of all its subjects."""
        return len(self.deletions) >= self.ticket.parts

    @property
    def places(self) -> list[Place]:
        """Where its deletions are, in order."""
        return sorted(place for places in self.deletions.values() for place in places)


class Standing(NamedTuple):
    """Where a request stands: its status, how many records were erased (None: not known yet), why it can't be done; its
    deadline, and when it was completed, in ms since 1970 UTC."""

    status: Status
    records: int | None
    reason: str | None
    deadline: int | None
    ended: int | None

    @property
    def told(self) -> Told:
        """What a callback says of it. What was erased before it was cancelled is no news."""
        return Told(self.status, self.records if self.status == "completed" else None)


def standing_of(request: Request) -> Standing:
    """By the least advanced of its subjects; a subject by its first deletion that stands, which holds for those sent
    again."""
    standing = {subject: request.standing(subject) for subject in request.deletions}
    told = [standing[subject] or places for subject, places in request.deletions.items()]
    firsts = [places[min(places)] for places in told]
    everything = [one for places in request.deletions.values() for one in places.values()]
    status = min((one.status for one in firsts), key=_ORDER.index) if firsts and request.whole else "pending"
    done = status == "completed"
    counted = done and all(one.records is not None for one in firsts)
    return Standing(
        "cancelled" if firsts and not any(standing.values()) else status,
        sum(one.records or 0 for one in everything) if counted else None,
        next((one.reason for one in firsts if one.reason is not None), None),
        max((one.deadline for one in firsts if one.deadline is not None), default=None),
        max((one.ended for one in firsts if one.ended is not None), default=None) if done else None,
    )


def _ms(time: str | None) -> int | None:
    return None if time is None else parse_timestamp(time)

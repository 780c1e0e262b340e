"""All requests that the topics show: an index in memory, folded from them. It belongs to one thread."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain

from unlearn.gateway.requests.notes import Note, Place
from unlearn.gateway.requests.request import Deletion, Request, standing_of
from unlearn.gateway.requests.ticket import Ticket
from unlearn.results.manifest import Receipt
from unlearn.timestamps import parse_timestamp

__all__ = ["Known"]

_ANSWERED = 1000
"""Deletions by which it is foretold how long the next one takes."""
_LATELY = 3_600_000
"""Milliseconds for which they tell it: longer ago, nobody knows whether a worker still runs."""
_Name = tuple[str, str]


class Known:
    """Requests by controller and id. An event is to be taken before its receipts and notes are."""

    def __init__(self) -> None:
        self._requests: dict[_Name, Request] = {}
        self._by_place: dict[Place, tuple[Request, str]] = {}
        self._lifts: dict[Place, tuple[Request, str]] = {}
        self._by_key: dict[_Name, Request] = {}
        self._by_subject: dict[str, tuple[Request, ...]] = {}
        self._answered = deque[tuple[int, int]](maxlen=_ANSWERED)
        """When deletions were hidden, in ms since 1970 UTC, and how many ms they took."""
        self._unapplied: dict[Request, None] = {}
        """Those that are whole and pending, in the order of the log: the others wait for their senders."""
        self._changed: dict[Request, None] = {}
        self._statuses: dict[Request, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._requests)

    def take_event(self, ticket: Ticket, place: Place) -> None:
        """An event with a ticket stands at this place."""
        name = ticket.controller, ticket.request_id
        request = self._requests.setdefault(name, Request(ticket))
        if ticket.lifts:
            request.take_lift(ticket.subject, place)
            self._lifts[place] = request, ticket.subject
        else:
            request.deletions.setdefault(ticket.subject, {}).setdefault(place, Deletion())
            self._by_place[place] = request, ticket.subject
            held = self._by_subject.get(ticket.subject, ())
            self._by_subject[ticket.subject] = held if request in held else (*held, request)
            if ticket.key is not None:
                self._by_key.setdefault((ticket.controller, ticket.key), request)
        self._note_change(request)

    def take_receipt(self, receipt: Receipt) -> None:
        """A receipt, of whichever sender's event."""
        place = receipt.partition, receipt.offset
        of_mine = _is_of(receipt, self._by_place.get(place))
        self._note_time(receipt, self._by_place[place][0] if of_mine else None)
        if of_mine:
            request, subject = self._by_place[place]
            request.deletions[subject][place].take(receipt)
            self._note_change(request)
        if receipt.state == "refused" and _is_of(receipt, self._lifts.get(place)):
            request, subject = self._lifts.pop(place)
            request.drop_lift(subject, place)
            self._note_change(request)

    def take_note(self, note: Note) -> None:
        """A note of any gateway's; the last one on a callback counts."""
        place = note.partition, note.offset
        if _is_of(note, self._by_place.get(place)):
            request, _ = self._by_place[place]
            request.told[note.callback] = note
            self._note_change(request)

    def find(self, controller: str, request_id: str) -> Request | None:
        """The controller's request with this id."""
        found = self._requests.get((controller, request_id))
        return found if found is not None and found.deletions else None

    def of_key(self, controller: str, key: str) -> Request | None:
        """The controller's request that came with the idempotency key whose digest this is."""
        return self._by_key.get((controller, key))

    def others_stand(self, request: Request) -> bool:
        """Whether another request that isn't cancelled names one of its subjects."""
        others = {other for subject in request.deletions for other in self._by_subject[subject]} - {request}
        return any(self._statuses[other] != "cancelled" for other in others)

    def expected(self, now: int) -> float | None:
        """Seconds that a deletion is expected to take which comes at `now`, in ms since 1970 UTC; None where nobody can
        say it, as none was hidden in the last hour.

        As long as the slowest of the last ones: a request's from when it was received, another sender's from when it
        was applied. And not less than the oldest request has waited that isn't applied yet.
        """
        lately = [seconds for ended, seconds in self._answered if ended >= now - _LATELY]
        if not lately:
            return None
        oldest = next(iter(self._unapplied), None)
        return max(*lately, 0 if oldest is None else now - oldest.ticket.received) / 1000

    def _note_time(self, receipt: Receipt, request: Request | None) -> None:
        if receipt.state != "hidden" or receipt.at is None:
            return
        began = parse_timestamp(receipt.accepted_at or "") if request is None else request.ticket.received
        ended = parse_timestamp(receipt.at)
        if began is not None and ended is not None:
            self._answered.append((ended, max(0, ended - began)))

    def changed(self) -> Iterator[Request]:
        """The requests that changed since this was asked before."""
        found, self._changed = self._changed, {}
        return iter(found)

    def counts(self) -> Counter[str]:
        """Status -> how many requests."""
        return self._counts

    def forget_before(self, moment: int) -> None:
        """Drop the requests that came before this time, in ms since 1970 UTC."""
        for name in [name for name, request in self._requests.items() if request.ticket.received < moment]:
            self._drop(self._requests.pop(name))

    def _note_change(self, request: Request) -> None:
        self._changed[request] = None
        status = standing_of(request).status
        if request in self._statuses:
            self._counts[self._statuses[request]] -= 1
        self._counts[status] += 1
        self._statuses[request] = status
        if status == "pending" and request.whole:
            self._unapplied[request] = None
        else:
            self._unapplied.pop(request, None)

    def _drop(self, request: Request) -> None:
        self._counts[self._statuses.pop(request)] -= 1
        self._changed.pop(request, None)
        self._unapplied.pop(request, None)
        for place in request.places:
            del self._by_place[place]
        for place in chain.from_iterable(request.lifts.values()):
            del self._lifts[place]
        for subject in request.deletions:
            held = tuple(other for other in self._by_subject.pop(subject) if other is not request)
            if held:
                self._by_subject[subject] = held
        key = request.ticket.key
        if key is not None:
            self._by_key.pop((request.ticket.controller, key), None)


def _is_of(said: Receipt | Note, at: tuple[Request, str] | None) -> bool:
    """Whether it is about the request whose event stands at its place: receipts outlive a topic that is made again."""
    return at is not None and said.event_id.partition("/")[0] == at[0].ticket.request_id

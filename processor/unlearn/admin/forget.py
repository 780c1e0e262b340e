"""Deletions of many ids: an event is sent for each, and its receipts tell what became of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, NamedTuple, Protocol

from unlearn.admin.send import Sink
from unlearn.client.new_receipts import LOOK_EVERY, NewReceipts
from unlearn.events.event import Delete, encode
from unlearn.events.partitioner import event_key
from unlearn.log.protocol import Record
from unlearn.results.manifest import read_receipt

__all__ = ["Followed", "Kind", "Open", "Requests", "State", "await_receipts", "send_requests"]

Kind = Literal["subject_id", "record_id", "alias"]
State = Literal["unsent", "sent", "accepted", "hidden", "refused"]
_RANKS: Final[dict[State, int]] = {"unsent": 0, "sent": 1, "accepted": 2, "refused": 3, "hidden": 4}
"""Receipts may come again and out of order: the furthest state counts."""
_STATES: Final[dict[str, State]] = {"accepted": "accepted", "hidden": "hidden", "refused": "refused"}
"""State of a receipt -> that of the deletion; others are passed over."""
_AT_ONCE = 1000


class Followed(Protocol):
    """Deletions that are sent and followed until each has ended."""

    @property
    def unsent(self) -> int:
        """How many are not sent."""

    @property
    def seen(self) -> int:
        """How many have a receipt."""

    @property
    def ended(self) -> int:
        """How many wait for no further receipt."""

    def __len__(self) -> int: ...

    def events(self, start: int, stop: int) -> list[tuple[bytes | None, bytes]]:
        """Key and JSON of the events of some of them that are to be sent."""

    def sent(self, start: int, stop: int) -> None:
        """Note that their events are on their way."""

    def take(self, records: Iterable[Record]) -> None:
        """Note what records of the receipts topic say."""


class Open(NamedTuple):
    """A deletion that isn't hidden: its id, its event's, how far it came, and why it was refused, if it was."""

    id: str
    event_id: str
    state: State
    reason: str


class Requests:
    """One deletion for each of the ids, and its state by the receipts seen so far.

    `run` begins their event ids, and must be new; `requested_at` is a time in RFC 3339.
    """

    def __init__(self, kind: Kind, ids: Iterable[str], run: str, requested_at: str) -> None:
        self.run, self._kind, self._requested_at = run, kind, requested_at
        self._ids = list(dict.fromkeys(ids))
        self._states: list[State] = ["unsent"] * len(self._ids)
        self._reasons: dict[int, str] = {}
        self.counts: Counter[State] = Counter({"unsent": len(self._ids)})
        """How many are in each state."""

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def unsent(self) -> int:
        """How many are not sent."""
        return self.counts["unsent"]

    @property
    def seen(self) -> int:
        """How many have a receipt."""
        return self.ended + self.counts["accepted"]

    @property
    def ended(self) -> int:
        """How many are hidden or refused."""
        return self.counts["hidden"] + self.counts["refused"]

    def events(self, start: int, stop: int) -> list[tuple[bytes | None, bytes]]:
        """Key and JSON of the events of some of them, in order."""
        return [self._event(number) for number in range(start, min(stop, len(self)))]

    def sent(self, start: int, stop: int) -> None:
        """Note that their events are on their way."""
        for number in range(start, min(stop, len(self))):
            self._move(number, "sent")

    def take(self, records: Iterable[Record]) -> None:
        """Note what records of the receipts topic say; those of other events are passed over."""
        prefix = f"{self.run}-".encode()
        for record in records:
            if record.key is None or not record.key.startswith(prefix):
                continue
            number = record.key[len(prefix) :]
            receipt = read_receipt(record.value)
            if receipt is None or not number.isdigit() or int(number) >= len(self):
                continue
            state = _STATES.get(receipt.state)
            if state is None:
                continue
            self._move(int(number), state)
            if receipt.reason:
                self._reasons[int(number)] = receipt.reason

    def open(self) -> Iterator[Open]:
        """Those that aren't hidden, in the order of the ids."""
        for number, state in enumerate(self._states):
            if state != "hidden":
                yield Open(self._ids[number], self._event_id(number), state, self._reasons.get(number, ""))

    def _move(self, number: int, state: State) -> None:
        before = self._states[number]
        if _RANKS[state] > _RANKS[before]:
            self._states[number] = state
            self.counts[before] -= 1
            self.counts[state] += 1

    def _event_id(self, number: int) -> str:
        return f"{self.run}-{number}"

    def _event(self, number: int) -> tuple[bytes | None, bytes]:
        names = {self._kind: self._ids[number]}
        event = Delete(event_id=self._event_id(number), requested_at=self._requested_at, **names)  # type: ignore[arg-type]
        return event_key(event), encode(event)


def send_requests(requests: Followed, sink: Sink, progress: Callable[[], None] = lambda: None) -> None:
    """Send the events of all. `progress` is called now and then. Raises as the sink does."""
    for start in range(0, len(requests), _AT_ONCE):
        sink.take(requests.events(start, start + _AT_ONCE))
        requests.sent(start, start + _AT_ONCE)
        progress()
    sink.finish()


def await_receipts(
    receipts: NewReceipts,
    requests: Followed,
    wait: float,
    progress: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Follow the receipts until all requests have ended, or for `wait` seconds.

    `progress` is called after each look. Raises LogUnavailable, TopicMissing.
    """
    deadline = clock() + wait
    while True:
        requests.take(receipts.read())
        progress()
        if requests.ended == len(requests) or clock() >= deadline:
            return
        sleep(min(LOOK_EVERY, max(0.0, deadline - clock())))

"""Receipts reach those who wait for them. One thread at a time reads the topic, for all."""

from __future__ import annotations

import threading
import time
from weakref import WeakValueDictionary

from unlearn.client.new_receipts import NewReceipts
from unlearn.log.protocol import Log
from unlearn.results.manifest import Receipt, read_receipt

__all__ = ["Answers", "Asked", "Following"]

_FRESH = 5.0
"""Seconds for which a position that was the topic's end still serves as one: a little more is read, and nothing is
missed."""


class Answers:
    """What receipts said of the events with one id: place of the event -> state -> receipt.

    The first one of a state counts, or the first that says how many records the event killed.
    """

    def __init__(self) -> None:
        self._by_place: dict[tuple[int, int], dict[str, Receipt]] = {}

    def take(self, receipt: Receipt) -> None:
        """Keep it; repeats change nothing, but a count that comes later."""
        states = self._by_place.setdefault((receipt.partition, receipt.offset), {})
        held = states.setdefault(receipt.state, receipt)
        if held.records is None:
            states[receipt.state] = receipt if receipt.records is not None else held

    def at(self, place: tuple[int, int]) -> dict[str, Receipt]:
        """State -> receipt of the event at this (partition, offset). Others with its id have their own."""
        return self._by_place.get(place, {})


Asked = WeakValueDictionary[bytes, Answers]
"""Key of the receipts -> their answers, for as long as somebody holds these."""


class Following:
    """Follows a receipts topic from where it ended before the first event that is asked about was sent.

    `asked` may come from before a fork, and with it `position`, from where it is followed on.
    """

    def __init__(self, log: Log, topic: str, asked: Asked, position: int | None = None) -> None:
        self._log, self._topic, self._asked = log, topic, asked
        self._receipts = None if position is None else NewReceipts(log, topic, position)
        self._registering, self._reading = threading.Lock(), threading.Lock()
        self._news = threading.Condition()
        self._fresh_until = self._looked_at = float("-inf")

    @property
    def position(self) -> int | None:
        """The offset from which on receipts aren't read yet; None before anything was asked about."""
        return None if self._receipts is None else self._receipts.position

    def ask(self, event_id: str) -> Answers:
        """What receipts will say of an event that isn't sent yet. Raises LogUnavailable, TopicMissing."""
        key = event_id.encode()
        with self._registering:
            if not self._asked:
                self._begin()
            return self._asked.setdefault(key, Answers())

    def look(self, since: float) -> None:
        """Read what came, and hand it out, unless a look has begun since the monotonic time `since`.

        Raises LogUnavailable, TopicMissing.
        """
        with self._reading:
            if self._looked_at > since or self._receipts is None:
                return
            began = time.monotonic()
            for record in self._receipts.read():
                self._hand_out(record.key, record.value)
            self._looked_at = began
        self._wake()

    def due(self, since: float) -> bool:
        """Whether `look` would read."""
        return self._looked_at <= since

    def pause(self, seconds: float) -> None:
        """Wait for that long, or until another thread has read something."""
        with self._news:
            self._news.wait(seconds)

    def close(self) -> None:
        """Read nothing from now on, and end all pauses."""
        with self._reading:
            self._receipts = None
        self._wake()

    def _wake(self) -> None:
        with self._news:
            self._news.notify_all()

    def _begin(self) -> None:
        """Nobody waits: what came meanwhile needn't be read."""
        now = time.monotonic()
        with self._reading:
            if self._receipts is None:
                self._receipts = NewReceipts(self._log, self._topic)
            elif now >= self._fresh_until:
                self._receipts.skip()
            else:
                return
        self._fresh_until = now + _FRESH

    def _hand_out(self, key: bytes | None, value: bytes | None) -> None:
        answers = None if key is None else self._asked.get(key)
        receipt = None if answers is None else read_receipt(value)
        if answers is not None and receipt is not None:
            answers.take(receipt)

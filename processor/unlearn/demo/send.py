"""Sends the script at a steady pace, and remembers where each event went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from unlearn.demo.script import Step
from unlearn.demo.watching.story import Place
from unlearn.events.event import Delete, Seal
from unlearn.events.partitioner import event_key, home
from unlearn.log.protocol import Producer

__all__ = ["HoldBack", "Sender"]

_HOLD_BACK = 10.0


class HoldBack:
    """Called with a step's number, tells whether to wait: before step `number`, until `released`, but not for long."""

    def __init__(self, number: int, released: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._number, self._released, self._clock = number, released, clock
        self._until: float | None = None

    def __call__(self, number: int) -> bool:
        if number != self._number:
            return False
        if self._until is None:
            self._until = self._clock() + _HOLD_BACK
        return self._clock() < self._until and not self._released()


class Sender:
    """Sends each event to its home partition, and a seal to all. `rate` is events a second, None for no limit."""

    def __init__(self, producer: Producer, topic: str, partitions: int, rate: float | None) -> None:
        self._producer, self._topic, self._partitions, self._rate = producer, topic, partitions, rate
        self._futures: list[tuple[int, int, Future[int]]] = []
        self.sent = 0
        self.deletions = 0

    def send_all(self, steps: Sequence[Step], between: Callable[[], None], pause: Callable[[int], bool]) -> None:
        """Send all steps.

        `between` is called many times a second; sending waits before step n while `pause(n)` is true.
        """
        start = time.monotonic()
        while self.sent < len(steps):
            due = self.sent + 200 if self._rate is None else int((time.monotonic() - start) * self._rate) + 1
            while self.sent < min(due, len(steps)):
                rested = time.monotonic()
                while pause(self.sent):
                    between()
                start += time.monotonic() - rested
                self._send(steps[self.sent])
            between()

    def place(self, number: int) -> Place | None:
        """Where a step went in the log; None while it isn't acknowledged."""
        for step, partition, future in self._futures[number:]:
            if step == number:
                return (partition, future.result()) if future.done() else None
        return None

    def _send(self, step: Step) -> None:
        key = None if isinstance(step.event, Seal) else event_key(step.event)
        for partition in range(self._partitions) if key is None else [home(key, self._partitions)]:
            future = self._producer.send(self._topic, partition, key, step.value)
            self._futures.append((self.sent, partition, future))
        self.sent += 1
        self.deletions += isinstance(step.event, Delete)

    def places(self, patience: float) -> Iterator[tuple[int, Place]]:
        """(place in the script, place in the log) of everything sent. Raises what the log answered.

        Waits up to `patience` seconds for each acknowledgement.
        """
        for number, partition, future in self._futures:
            yield number, (partition, future.result(patience))

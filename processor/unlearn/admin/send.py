"""Sends lines of events to the events topic, each to its home partition, as the bytes they are."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from unlearn.admin.input.line_checks import LineChecker
from unlearn.admin.input.numbered_lines import BadLine, NumberedLines
from unlearn.errors import LogUnavailable, UnlearnError
from unlearn.events.partitioner import homes
from unlearn.log.protocol import Message, Producer

__all__ = ["LogSink", "NoSink", "Pace", "Report", "Sink", "send_lines"]

_IN_FLIGHT = 8 * 1024 * 1024
_AT_ONCE = 0.02


class Sink(Protocol):
    """Takes events that have passed the check."""

    def take(self, messages: Sequence[tuple[bytes | None, bytes]]) -> None:
        """Take events in order: the key of each, None of a seal, and its JSON as it was read."""

    def finish(self) -> None:
        """Return once everything that was taken is done with."""


@dataclass
class Report:
    """What was sent: events by type, their bytes, and what was refused: (line number, reason)."""

    sent: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


class _Sent(NamedTuple):
    """A batch on its way: how many events were taken before its first one, its bytes, and its answer."""

    before: int
    size: int
    answer: Future[list[int]]


class LogSink:
    """Sends an event to its home partition, and a seal to every partition of the model.

    `partitions` is the count when the model was made, whatever the topic has now; `patience` is how many seconds to
    wait for each acknowledgement.
    """

    def __init__(self, producer: Producer, topic: str, partitions: int, patience: float) -> None:
        self._producer, self._topic, self._partitions, self._patience = producer, topic, partitions, patience
        self._waiting: deque[_Sent] = deque()
        self._taken = self._in_flight = 0

    def take(self, messages: Sequence[tuple[bytes | None, bytes]]) -> None:
        """Send the events, and wait for acknowledgements while too much is on its way.

        Raises what `finish` does, for an earlier event.
        """
        firsts, batches = self._divided(messages)
        # In the order of their first events, so that all events before an unanswered batch's first are acknowledged.
        for partition, batch in batches.items():
            answer = self._producer.send_batch(self._topic, partition, batch)
            size = sum(len(value or b"") for _, value in batch)
            self._waiting.append(_Sent(firsts[partition], size, answer))
            self._in_flight += size
        self._taken += len(messages)
        while self._in_flight > _IN_FLIGHT:
            self._settle()

    def finish(self) -> None:
        """Wait until every event is acknowledged.

        Raises LogUnavailable, or the error by which the log refused an event; either says how many events from the
        first on are acknowledged.
        """
        while self._waiting:
            self._settle()

    def _divided(
        self, messages: Sequence[tuple[bytes | None, bytes]]
    ) -> tuple[dict[int, int], dict[int, list[Message]]]:
        """By partition: the events taken before its first message, and its messages in order."""
        firsts: dict[int, int] = {}
        batches: dict[int, list[Message]] = {}
        places = iter(homes([key for key, _ in messages if key is not None], self._partitions))
        for number, message in enumerate(messages, self._taken):
            for partition in range(self._partitions) if message[0] is None else (next(places),):
                if partition not in batches:
                    firsts[partition], batches[partition] = number, []
                batches[partition].append(message)
        return firsts, batches

    def _settle(self) -> None:
        sent = self._waiting.popleft()
        try:
            sent.answer.result(self._patience)
        except FutureTimeout as error:
            why = str(error) or f"no answer from Kafka in {self._patience:g} s"
            raise LogUnavailable(f"{why}; {_rest(sent)}") from error
        except UnlearnError as error:
            raise type(error)(f"{error}; {_rest(sent)}") from error
        self._in_flight -= sent.size


def _rest(sent: _Sent) -> str:
    return f"the first {sent.before} were acknowledged, send the rest again"


class NoSink:
    """Takes events and sends nothing, for a check."""

    def take(self, messages: Sequence[tuple[bytes | None, bytes]]) -> None: ...
    def finish(self) -> None: ...


class Pace:
    """Holds sending to `rate` events a second on average since the start; None: no limit."""

    def __init__(
        self,
        rate: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._sleep = rate, clock, sleep
        self._start = clock()
        self._count = 0

    def runs(self, found: NumberedLines) -> Iterator[NumberedLines]:
        """The lines in runs of as many as may be sent at once."""
        numbers, lines = found
        most = len(lines) if self._rate is None else max(1, int(self._rate * _AT_ONCE))
        return (NumberedLines(numbers[at : at + most], lines[at : at + most]) for at in range(0, len(lines), most))

    def wait(self, events: int = 1) -> None:
        """Sleep until the last of the next so many events may be sent."""
        if self._rate is None or not events:
            return
        self._count += events
        ahead = self._start + (self._count - 1) / self._rate - self._clock()
        if ahead > 0:
            self._sleep(ahead)


def send_lines(
    chunks: Iterable[NumberedLines],
    checker: LineChecker,
    sink: Sink,
    pace: Pace,
    refuse: Callable[[int, str], bool],
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check each line, and hand good ones to the sink; blank lines are passed over.

    `refuse(line number, reason)` is told of each bad line in order, and returns whether to go on. `progress(line
    number)` is called now and then with the last line that was read.
    """
    report = Report()
    for run in (run for found in chunks for run in pace.runs(found)):
        messages, goes_on = _checked(run, checker, report, refuse)
        progress(run.numbers[-1])
        pace.wait(len(messages))
        if messages:
            sink.take(messages)
        if not goes_on:
            break
    sink.finish()
    return report


def _checked(
    run: NumberedLines, checker: LineChecker, report: Report, refuse: Callable[[int, str], bool]
) -> tuple[list[tuple[bytes | None, bytes]], bool]:
    """(The events of the lines, up to a bad one that ends it; whether to go on)."""
    bad = [(number, line.reason) for number, line in zip(*run, strict=True) if isinstance(line, BadLine)]
    lines = [(number, line) for number, line in zip(*run, strict=True) if not isinstance(line, BadLine)]
    numbers, values = _filled(lines)
    found = checker.check(values)
    stop, goes_on = len(values), True
    for number, reason in sorted([*bad, *((numbers[place], reason) for place, reason in found.refused.items())]):
        report.refused.append((number, reason))
        goes_on = refuse(number, reason)
        if not goes_on:
            stop = bisect_left(numbers, number)
            break
    kinds = found.kinds[:stop]
    messages = [(key, value) for kind, key, value in zip(kinds, found.keys, values, strict=False) if kind]
    report.sent.update(filter(None, kinds))
    report.bytes += sum(len(value) for _, value in messages)
    return messages, goes_on


def _filled(lines: list[tuple[int, bytes]]) -> tuple[list[int], list[bytes]]:
    """Numbers and values of the lines that aren't blank, without blanks around them."""
    filled = [(number, value) for number, line in lines if (value := line.strip())]
    return [number for number, _ in filled], [value for _, value in filled]

"""Sends lines of events to the events topic, each to its home partition, as the bytes they are."""

from __future__ import annotations

import gzip
import io
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, cast

from unlearn.errors import LogUnavailable, UnlearnError
from unlearn.events.event import BadInsert, Delete, Empty, Event, Insert, Seal, Unreadable
from unlearn.events.parsing import Parser
from unlearn.events.partitioner import event_key, home
from unlearn.log.protocol import Producer

MAX_LINE = 1_000_000
"""Bytes of a line at most; Kafka's brokers take little more than this in one record."""

_GZIP = b"\x1f\x8b"
_IN_FLIGHT = 5000


class Sink(Protocol):
    """Takes events that have passed the check."""

    def take(self, event: Event, value: bytes) -> None:
        """Take one event, and its JSON as it was read."""

    def finish(self) -> None:
        """Return once everything that was taken is done with."""


@dataclass
class Report:
    """What was sent: events by type, their bytes, and what was refused: (line number, reason)."""

    sent: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


class LogSink:
    """Sends an event to its home partition, and a seal to every partition of the model.

    `partitions` is the count when the model was made, whatever the topic has now; `patience` is how many seconds to
    wait for each acknowledgement.
    """

    def __init__(self, producer: Producer, topic: str, partitions: int, patience: float) -> None:
        self._producer, self._topic, self._partitions, self._patience = producer, topic, partitions, patience
        self._waiting: deque[Future[int]] = deque()
        self._settled = 0

    def take(self, event: Event, value: bytes) -> None:
        """Send the event, without waiting for its acknowledgement. Raises what `finish` does, for an earlier event."""
        key = None if isinstance(event, Seal) else event_key(event)
        for partition in range(self._partitions) if key is None else [home(key, self._partitions)]:
            self._waiting.append(self._producer.send(self._topic, partition, key, value))
        while len(self._waiting) > _IN_FLIGHT:
            self._settle()

    def finish(self) -> None:
        """Wait until every event is acknowledged.

        Raises LogUnavailable, or the error by which the log refused an event.
        """
        while self._waiting:
            self._settle()

    def _settle(self) -> None:
        try:
            self._waiting.popleft().result(self._patience)
        except (LogUnavailable, FutureTimeout) as error:
            why = str(error) or f"no answer from Kafka in {self._patience:g} s"
            raise LogUnavailable(f"{why}; {self._settled} were acknowledged, send the rest again") from error
        self._settled += 1


class NoSink:
    """Takes events and sends nothing, for a check."""

    def take(self, event: Event, value: bytes) -> None: ...
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

    def wait(self) -> None:
        """Sleep until the next event may be sent."""
        if self._rate is None:
            return
        ahead = self._start + self._count / self._rate - self._clock()
        self._count += 1
        if ahead > 0:
            self._sleep(ahead)


def send_lines(
    lines: Iterable[bytes],
    parser: Parser,
    sink: Sink,
    pace: Pace,
    refuse: Callable[[int, str], bool],
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check each line, and hand good ones to the sink; blank lines are passed over.

    `refuse(line number, reason)` is told of each bad line, and returns whether to go on. `progress(line number)` is
    called at every line.
    """
    report = Report()
    for number, line in enumerate(lines, 1):
        value = line.strip()
        progress(number)
        if not value:
            continue
        event, reason = _checked(parser, value)
        if event is None:
            report.refused.append((number, reason))
            if not refuse(number, reason):
                break
            continue
        pace.wait()
        sink.take(event, value)
        report.sent[event.type] += 1
        report.bytes += len(value)
    sink.finish()
    return report


def read_lines(source: BinaryIO) -> Iterator[bytes]:
    """The lines of plain or gzip bytes. Of a line longer than MAX_LINE only the first MAX_LINE + 1 bytes are given.

    Raises UnlearnError where gzip data is broken, after the lines before it.
    """
    buffered = source if isinstance(source, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", source))
    text = gzip.GzipFile(fileobj=buffered) if buffered.peek(2)[:2] == _GZIP else buffered
    number = 0
    try:
        while line := text.readline(MAX_LINE + 1):
            number += 1
            yield line
            while len(line) > MAX_LINE and not line.endswith(b"\n"):
                line = text.readline(MAX_LINE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnlearnError(f"the compressed input is broken after line {number}; all before it was read") from error


def _checked(parser: Parser, value: bytes) -> tuple[Event | None, str]:
    if len(value) > MAX_LINE:
        return None, f"more than {MAX_LINE} bytes"
    match parser.parse(value, at=round(time.time() * 1000)):
        case BadInsert(reason) | Unreadable(reason):
            return None, reason
        case Insert() | Delete() | Seal() as event:
            return event, ""
        case Empty():
            return None, "empty"

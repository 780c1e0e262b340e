"""Reading without a group: an explicit interval, and the tail of a one-partition topic."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import Any

import kafka.errors as kafka_errors
from kafka import KafkaConsumer, TopicPartition

from unlearn.errors import ExtraMissing, LogDiverged, LogUnavailable, LogUnreadable, UnlearnError
from unlearn.log.kafka.consumer import consumer, try_again, why_stopped
from unlearn.log.kafka.errors import DENIED, translated
from unlearn.log.kafka.outage import Outage
from unlearn.log.kafka.records import CantFetch, CantRead, take_turns
from unlearn.log.protocol import Record, Unreadable
from unlearn.settings import KafkaSettings

_log = logging.getLogger(__name__)
Lost = Callable[[TopicPartition, str, Unreadable | None], None]
"""Called when a position is outside of the log or can't be read: with the reason, and the run that can't be read."""
Note = Callable[[UnlearnError | None], None]
"""Called with why nothing can be read for now, or None if that isn't so."""
READ_RECORDS = 2000
OUTAGE_PAUSE = 0.05  # s: an error at every poll must not become a busy loop
LOOK_EVERY = 100  # ms: a position moved by markers alone wakes no poll of the client's


def bounds_of(reader: KafkaConsumer, tps: list[TopicPartition], timeout_ms: int) -> dict[int, tuple[int, int]]:
    """Partition -> (log start, last stable offset)."""
    with translated("asking for the log's bounds"):
        try:
            starts = reader.beginning_offsets(tps, timeout_ms=timeout_ms)
            ends = reader.end_offsets(tps, timeout_ms=timeout_ms)
        except KeyError as error:  # the client's word for a partition that it has not heard of
            raise LogUnavailable("the cluster has not told of all partitions yet") from error
    return {tp.partition: (starts[tp], ends[tp]) for tp in tps}


def offset_at(reader: KafkaConsumer, tp: TopicPartition, timestamp: int, timeout_ms: int) -> int:
    """The first offset of this time, in ms, or a later one; the end where there is none."""
    with translated("asking for the offset of a time"):
        found = reader.offsets_for_times({tp: max(0, timestamp)}, timeout_ms=timeout_ms)[tp]
    return bounds_of(reader, [tp], timeout_ms)[tp.partition][1] if found is None else found.offset


def read_interval(settings: KafkaSettings, tp: TopicPartition, start: int, stop: int) -> Iterator[Record]:
    """The records in [start, stop) that the log has now; see `Log.read`."""
    with closing(polls_of(settings, tp, start, stop)) as polls:
        for records, end in polls:
            for record in records:
                if record.offset >= end:
                    return
                yield record


def polls_of(
    settings: KafkaSettings, tp: TopicPartition, start: int, stop: int, *, columns: bool = False
) -> Generator[tuple[list[Any], int]]:
    """What each poll finds of what the log has now in [start, stop), and where that ends; the last may find more.

    With `columns` that is a list of RecordColumns, else of records.
    """
    timeout_ms = round(settings.request_timeout * 1000)
    reader = consumer(settings, columns=columns)
    try:
        reader.assign([tp])
        first, end = bounds_of(reader, [tp], timeout_ms)[tp.partition]
        end = min(stop, end)
        if max(start, first) < end:
            reader.seek(tp, max(start, first))
            yield from ((found, end) for found in _until(reader, tp, end, timeout_ms / 1000))
    finally:
        reader.close(autocommit=False)


def _until(reader: KafkaConsumer, tp: TopicPartition, stop: int, patience: float) -> Iterator[list[Any]]:
    position, moved = -1, time.monotonic()
    while True:
        found = _poll(reader, tp, LOOK_EVERY, _skip_lost(reader, tp, stop, patience))
        if found:
            yield found
        now = position_of(reader, tp)
        if now >= stop:
            return
        if now != position:
            position, moved = now, time.monotonic()
        elif time.monotonic() - moved > patience:
            raise LogUnavailable(f"Kafka sends nothing of {tp.topic}/{tp.partition} from offset {now} on")


def _skip_lost(reader: KafkaConsumer, tp: TopicPartition, stop: int, patience: float) -> Lost:
    """What to do about a position outside of the log: go on at the log's start, if retention has overtaken the
    reading."""

    def skip(_: TopicPartition, reason: str, unreadable: Unreadable | None) -> None:
        if unreadable is not None:
            # The client reads ahead: what lies beyond `stop` was not asked for, and is no error.
            if unreadable.start < stop:
                raise LogUnreadable(f"{tp.topic}/{tp.partition}: {reason}", unreadable.start)
            reader.seek(tp, stop)
            return
        first, end = bounds_of(reader, [tp], round(patience * 1000))[tp.partition]
        if not position_of(reader, tp) < first <= end:
            raise LogDiverged(f"{tp.topic}/{tp.partition}: {reason}")
        reader.seek(tp, first)

    return skip


def poll_assigned(
    reader: KafkaConsumer,
    timeout_ms: int,
    lost: Lost,
    note: Note,
    most: int = READ_RECORDS,
    outage: Outage | None = None,
) -> dict[TopicPartition, list[Any]]:
    """The next records of all partitions that the consumer has, at most so many; {} in an outage."""
    try:
        take_turns(reader)
        found: dict[TopicPartition, list[Any]] = reader.poll(timeout_ms, most)
    except ExtraMissing:
        raise
    except Exception as error:  # noqa: BLE001  decoding raises anything
        stopped = why_stopped(error, reader)
        for tp, reason in stopped.items():
            lost(tp, reason, error.found if isinstance(error, CantRead) else None)
        if not stopped:
            told = try_again(error, reader)
            _log.info("polling Kafka failed, trying again: %s", told)
            note(told if isinstance(error, (*DENIED, CantFetch)) else None)
            time.sleep(min(timeout_ms / 1000, OUTAGE_PAUSE))
        return {}
    why = "" if found or outage is None else outage.words(reader)
    note(LogUnavailable(why) if why else None)
    return found


def _poll(
    reader: KafkaConsumer,
    tp: TopicPartition,
    timeout_ms: int,
    lost: Lost,
    note: Note = lambda _: None,
    outage: Outage | None = None,
) -> list[Record]:
    return poll_assigned(reader, timeout_ms, lost, note, outage=outage).get(tp, [])


def position_of(reader: KafkaConsumer, tp: TopicPartition) -> int:
    with translated("asking for the position"):
        position: int = reader.position(tp, timeout_ms=0)
    return position


class KafkaTail:
    """A tail of a Kafka topic. Raises what `Log.tail` does when it is made."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._tp = TopicPartition(topic, 0)
        self._timeout_ms = round(settings.request_timeout * 1000)
        self.trouble: UnlearnError | None = None
        self._outage = Outage(settings)
        self._consumer = consumer(settings)
        self._consumer.assign([self._tp])
        self._position = self._bounds()[0]
        self._consumer.seek(self._tp, self._position)

    def poll(self, timeout: float) -> list[Record]:
        deadline = time.monotonic() + timeout
        while True:
            left = max(0, round((deadline - time.monotonic()) * 1000))
            found = _poll(self._consumer, self._tp, min(left, LOOK_EVERY), self._diverged, self._note, self._outage)
            # If the position can't be told now, the next poll tells it.
            with suppress(LogUnavailable):
                self._position = position_of(self._consumer, self._tp)
            if found or left <= LOOK_EVERY:
                return found

    @property
    def position(self) -> int:
        return self._position

    def end(self) -> int:
        return self._bounds()[1]

    def close(self) -> None:
        try:
            self._consumer.close(autocommit=False)
        except (kafka_errors.KafkaError, OSError) as error:
            _log.warning("closing the tail failed: %s", error)

    def _bounds(self) -> tuple[int, int]:
        return bounds_of(self._consumer, [self._tp], self._timeout_ms)[0]

    def _note(self, trouble: UnlearnError | None) -> None:
        if trouble and str(trouble) != str(self.trouble):
            _log.warning("topic %s can't be read for now: %s", self._tp.topic, trouble)
        self.trouble = trouble

    def _diverged(self, _: TopicPartition, reason: str, unreadable: Unreadable | None) -> None:
        if unreadable is not None and unreadable.intact:
            # An intact batch is as it was sent, and ours are never sent in a form that the client can't read.
            _log.error("topic %s: %s; not ours, passed over up to %d", self._tp.topic, reason, unreadable.stop)
            self._consumer.seek(self._tp, unreadable.stop)
            return
        raise LogDiverged(f"topic {self._tp.topic}: {reason}; is it another one than before?")

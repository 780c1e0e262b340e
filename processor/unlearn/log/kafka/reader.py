"""One member of a consumer group, on kafka-python."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import kafka.errors as kafka_errors
from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import OffsetAndMetadata

from unlearn.log.kafka.consumer import consumer, try_again, why_stopped
from unlearn.log.kafka.errors import DENIED, translate
from unlearn.log.kafka.join import joined
from unlearn.log.kafka.outage import Outage
from unlearn.log.kafka.records import CantFetch, CantRead, take_turns
from unlearn.log.protocol import Batch, Polled, Record, Unreadable
from unlearn.settings import KafkaSettings

_log = logging.getLogger(__name__)
_SILENT = 3.0  # s: a member that has joined sends heartbeats; one that sends none for so long was replaced
LOOK_EVERY = 0.1  # s: a rebalance and a position moved by markers alone wake no poll of the client's
HEARTBEAT = 500  # ms: how soon a member hears of a rebalance
OUTAGE_PAUSE = 0.05  # s: an error at every poll must not become a busy loop


class Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Numbers the assignments and parks their partitions. Called on the client's thread, so it only takes notes.

    A parked partition is paused at position 0: without a position the client would start at the committed offset, or
    fail every poll for want of one.
    """

    def __init__(self) -> None:
        self.reader: KafkaConsumer | None = None
        self._lock = threading.Lock()
        self._last = 0
        self._numbers: dict[int, int] = {}

    def now(self) -> dict[int, int]:
        """Partition -> assignment number, of the partitions held now."""
        with self._lock:
            return dict(self._numbers)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        with self._lock:
            for tp in assigned:
                park(self.reader, tp)
                self._last += 1
                self._numbers[tp.partition] = self._last

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        with self._lock:
            for tp in revoked:
                self._numbers.pop(tp.partition, None)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Forgets the partitions, as a revocation does. It is apart so that a lost partition is never taken for one
        that was given up in order."""
        with self._lock:
            for tp in lost:
                self._numbers.pop(tp.partition, None)


def park(reader: KafkaConsumer, tp: TopicPartition) -> None:
    """Pause the partition at position 0; nothing happens if it is gone already."""
    try:
        reader.pause(tp)
        reader.seek(tp, 0)
    except (ValueError, KeyError, kafka_errors.KafkaError):
        _log.debug("partition %d is gone before it was parked", tp.partition)


class KafkaReader:
    """A member of a consumer group on a Kafka cluster. Making one connects."""

    in_columns = False

    def __init__(self, settings: KafkaSettings, topic: str, group: str) -> None:
        self._topic = topic
        self._assignments = Assignments()
        self._told: dict[int, int] = {}
        self._sought: dict[int, int] = {}  # partition -> number of the assignment it was sought for
        self._positions: dict[int, int] = {}  # partition -> where its next batch starts
        self._paused: dict[int, int] = {}
        self._lost: dict[int, str] = {}
        self.unreadable: dict[int, Unreadable] = {}
        self._unread = ""
        self._outage = Outage(settings)
        self._uncommitted = ""
        self.joined = False
        self._replaced: Exception | None = None
        self._named, self._silent_since = settings.group_instance_id is not None, float("inf")
        self._consumer = consumer(settings, columns=self.in_columns, **_membership(settings, group))
        self._assignments.reader = self._consumer
        self._consumer.subscribe([topic], listener=self._assignments)

    @property
    def trouble(self) -> str:
        return self._unread or self._uncommitted

    def poll(self, timeout: float, max_records: int) -> Polled:
        """As `Reader.poll`. Raises LogRefused once another member of the group has taken this one's place."""
        self._look_for_another()
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            fetched = self._fetch(max(0.0, min(left, LOOK_EVERY)), max_records)
            polled = self._settle(fetched)
            # The listener isn't called where the group has nothing to give.
            self.joined |= self._consumer._coordinator.generation_if_stable() is not None  # noqa: SLF001
            news = polled.batches or polled.lost or self.trouble or polled.assigned != self._told
            if news or left <= LOOK_EVERY:
                self._told = dict(polled.assigned)
                return polled

    def seek(self, partition: int, offset: int) -> None:
        number = self._known(partition)
        if number is None:
            return
        tp = self._tp(partition)
        try:
            self._consumer.pause(tp)
            self._consumer.seek(tp, offset)
        except (ValueError, KeyError, kafka_errors.KafkaError):
            return  # revoked meanwhile
        self._lost.pop(partition, None)
        self.unreadable.pop(partition, None)
        self._sought[partition] = number
        self._positions[partition] = offset
        self._run(partition)

    def pause(self, partition: int) -> None:
        number = self._known(partition)
        if number is not None:
            self._paused[partition] = number
            self._halt(partition)

    def resume(self, partition: int) -> None:
        self._paused.pop(partition, None)
        self._run(partition)

    def commit(self, positions: Mapping[int, int]) -> None:
        known = {
            self._tp(p): OffsetAndMetadata(at, "", -1) for p, at in positions.items() if self._known(p) is not None
        }
        if not known:
            self._uncommitted = ""
            return
        try:
            self._consumer.commit_async(known, callback=self._note_commit)
        except (kafka_errors.KafkaError, OSError) as error:
            _log.info("the commit to Kafka was not sent: %s", error)

    def _look_for_another(self) -> None:
        """Raise LogRefused if a member of the same name has joined the group.

        The client is told so by a heartbeat alone, logs it, sends no more of them, and goes on as if it were a member.
        """
        coordinator, now = self._consumer._coordinator, time.monotonic()  # noqa: SLF001
        beats = coordinator is None or not coordinator.stable() or coordinator._heartbeat_enabled  # noqa: SLF001
        self._silent_since = float("inf") if beats or not self._named else min(self._silent_since, now)
        if self._replaced is None and now - self._silent_since > _SILENT:
            self._replaced = kafka_errors.FencedInstanceIdError()
        if self._replaced is not None:
            raise translate(self._replaced, "reading")

    def _note_commit(self, _offsets: Any, answer: Any) -> None:
        """Where the group may not be read, only this tells: what was assigned before goes on being read."""
        if isinstance(answer, kafka_errors.FencedInstanceIdError):
            self._replaced = answer
        denied = isinstance(answer, DENIED)
        self._uncommitted = f"{type(answer).__name__}: {answer}" if denied else ""
        if isinstance(answer, Exception):
            _log.info("a commit to Kafka failed; the next one makes up for it: %s", answer)

    def close(self) -> None:
        try:
            self._consumer.close(autocommit=False)
        except (kafka_errors.KafkaError, OSError) as error:
            _log.warning("leaving the group failed: %s", error)

    def _fetch(self, timeout: float, most: int) -> dict[TopicPartition, list[Any]]:
        try:
            take_turns(self._consumer)
            if not joined(self._consumer, timeout):
                self._unread = self._outage.words(self._consumer) or self._unread
                return {}
            found: dict[TopicPartition, list[Any]] = self._consumer.poll(round(timeout * 1000), most)
        except kafka_errors.NoOffsetForPartitionError:
            self._park_unsought()
        except kafka_errors.FencedInstanceIdError as error:
            self._replaced = error
        except Exception as error:  # noqa: BLE001  decoding raises anything
            self._stop(error)
            time.sleep(min(timeout, OUTAGE_PAUSE))
        else:
            self._unread = "" if found else self._outage.words(self._consumer)
            return found
        return {}

    def _stop(self, error: Exception) -> None:
        stopped = why_stopped(error, self._consumer)
        if not stopped:
            trouble = try_again(error, self._consumer)
            self._unread = str(trouble) if isinstance(error, (*DENIED, CantFetch)) else ""
            _log.info("polling Kafka failed, trying again: %s", trouble)
        if isinstance(error, CantRead):
            self._stand_at(error.tp, error.found)
        for tp, reason in stopped.items():
            self._lose(tp.partition, reason)

    def _stand_at(self, tp: TopicPartition, found: Unreadable) -> None:
        """Move to the start of a run that can't be read; markers and aborted records before it have been read."""
        if tp.partition in self._sought:
            self.unreadable[tp.partition] = found
            with suppress(ValueError, KeyError, kafka_errors.KafkaError):
                self._consumer.seek(tp, found.start)

    def _settle(self, fetched: Mapping[TopicPartition, list[Any]]) -> Polled:
        """What a poll found, for the assignments that were sought.

        They are read once, so that the answer is consistent.
        """
        assigned = self._assignments.now()
        self._forget_all_but(assigned)
        batches = {}
        for partition in self._sought:
            batch = self._batch(partition, fetched.get(self._tp(partition), []))
            if batch is not None:
                batches[partition] = batch
                self._positions[partition] = batch.stop
        return Polled(batches, assigned, dict(self._lost))

    def _batch(self, partition: int, found: list[Any]) -> Batch | None:
        start = self._positions[partition]
        first, last = self._ends(found) if found else (start, start - 1)
        stop = self._position(partition, last + 1)
        if found and not start <= first <= last < stop:
            self._lose(partition, f"the client jumped from position {start} to {first}")
        if partition in self._lost.keys() - self.unreadable.keys() or stop <= start:
            return None
        return Batch(self._records(partition, found), start, stop)

    def _records(self, _partition: int, found: list[Any]) -> Sequence[Record]:
        return found

    def _ends(self, found: list[Any]) -> tuple[int, int]:
        """The offsets of the first and of the last record."""
        return found[0].offset, found[-1].offset

    def _position(self, partition: int, at_least: int) -> int:
        """The partition's position, which may be beyond the last record, behind markers. `at_least` if it can't be
        told now; the next poll tells."""
        try:
            return self._consumer.position(self._tp(partition), timeout_ms=0) or at_least
        except (kafka_errors.KafkaError, KeyError, OSError):
            return at_least

    def _forget_all_but(self, assigned: Mapping[int, int]) -> None:
        for partition in [p for p, number in self._sought.items() if assigned.get(p) != number]:
            del self._sought[partition], self._positions[partition]
            self._lost.pop(partition, None)
            self.unreadable.pop(partition, None)
        for partition in [p for p, number in self._paused.items() if assigned.get(p) != number]:
            del self._paused[partition]

    def _lose(self, partition: int, reason: str) -> None:
        if partition in self._sought:
            self._lost[partition] = reason
        self._halt(partition)

    def _park_unsought(self) -> None:
        for partition in self._assignments.now().keys() - self._sought.keys():
            park(self._consumer, self._tp(partition))

    def _known(self, partition: int) -> int | None:
        """The assignment's number if it is still the one that the last poll told of."""
        number = self._told.get(partition)
        return number if number == self._assignments.now().get(partition) else None

    def _run(self, partition: int) -> None:
        sought = self._sought.get(partition)
        if sought is None or sought != self._known(partition):
            return
        if partition in self._paused or partition in self._lost:
            return
        try:
            self._consumer.resume(self._tp(partition))
        except KeyError:
            _log.debug("partition %d is gone before it was started", partition)

    def _halt(self, partition: int) -> None:
        try:
            self._consumer.pause(self._tp(partition))
        except KeyError:
            _log.debug("partition %d is gone before it was paused", partition)

    def _tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self._topic, partition)


def _membership(settings: KafkaSettings, group: str) -> dict[str, Any]:
    milliseconds = round(settings.session_timeout * 1000)
    return {
        "group_id": group,
        "group_instance_id": settings.group_instance_id,
        "session_timeout_ms": milliseconds,
        "heartbeat_interval_ms": min(HEARTBEAT, max(1, milliseconds // 4)),
        "partition_assignment_strategy": [CooperativeStickyAssignor],
    }

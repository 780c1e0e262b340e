"""Following partitions of a topic without a group, by columns. Apart, since it loads numpy and the kernels."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress

import kafka.errors as kafka_errors
from kafka import TopicPartition

from unlearn.errors import LogDiverged, LogUnavailable, UnlearnError
from unlearn.log.columns import RecordColumns
from unlearn.log.kafka.consumer import consumer
from unlearn.log.kafka.interval import LOOK_EVERY, bounds_of, poll_assigned, position_of
from unlearn.log.kafka.outage import Outage
from unlearn.log.protocol import Unreadable
from unlearn.settings import KafkaSettings

__all__ = ["KafkaFollower"]

_log = logging.getLogger(__name__)
_READ_RECORDS = 50_000


class KafkaFollower:
    """A follower of partitions of a Kafka topic; making one connects."""

    def __init__(self, settings: KafkaSettings, topic: str, starts: Mapping[int, int]) -> None:
        self._tps = {partition: TopicPartition(topic, partition) for partition in starts}
        self._timeout_ms = round(settings.request_timeout * 1000)
        self._trouble: UnlearnError | None = None
        self._positions = dict(starts)
        self._outage = Outage(settings)
        self._consumer = consumer(settings, columns=True)
        self._consumer.assign(list(self._tps.values()))
        for partition, offset in starts.items():
            self._consumer.seek(self._tps[partition], offset)

    def poll(self, timeout: float) -> dict[int, RecordColumns]:
        deadline = time.monotonic() + timeout
        while True:
            left = max(0, round((deadline - time.monotonic()) * 1000))
            found = poll_assigned(
                self._consumer, min(left, LOOK_EVERY), self._lost, self._note, _READ_RECORDS, self._outage
            )
            self._move()
            if found or left <= LOOK_EVERY:
                return {tp.partition: RecordColumns.concat(parts) for tp, parts in found.items()}

    @property
    def positions(self) -> Mapping[int, int]:
        return self._positions

    def ends(self) -> dict[int, int]:
        return {partition: end for partition, (_, end) in self._bounds().items()}

    def close(self) -> None:
        try:
            self._consumer.close(autocommit=False)
        except (kafka_errors.KafkaError, OSError) as error:
            _log.warning("closing the follower failed: %s", error)

    def _move(self) -> None:
        for partition, tp in self._tps.items():
            # If a position can't be told now, the next poll tells it.
            with suppress(LogUnavailable):
                self._positions[partition] = position_of(self._consumer, tp)

    def _bounds(self) -> dict[int, tuple[int, int]]:
        return bounds_of(self._consumer, list(self._tps.values()), self._timeout_ms)

    def _note(self, trouble: UnlearnError | None) -> None:
        if trouble and str(trouble) != str(self._trouble):
            _log.warning("the topic can't be read for now: %s", trouble)
        self._trouble = trouble

    def _lost(self, tp: TopicPartition, reason: str, unreadable: Unreadable | None) -> None:
        if unreadable is not None:
            _log.error("%s/%d: %s; passed over up to %d", tp.topic, tp.partition, reason, unreadable.stop)
            self._consumer.seek(tp, unreadable.stop)
            return
        first, end = self._bounds()[tp.partition]
        if not position_of(self._consumer, tp) < first <= end:
            raise LogDiverged(f"{tp.topic}/{tp.partition}: {reason}; is it another topic than before?")
        self._consumer.seek(tp, first)

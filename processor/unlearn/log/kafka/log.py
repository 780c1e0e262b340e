"""The log on a Kafka cluster, by kafka-python."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import kafka.errors as kafka_errors
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

from unlearn.errors import LogUnavailable, TopicMissing
from unlearn.log.kafka.connect import connected
from unlearn.log.kafka.consumer import consumer
from unlearn.log.kafka.errors import MISSING, translate, translated
from unlearn.log.kafka.interval import KafkaTail, bounds_of, offset_at, read_interval
from unlearn.log.kafka.producer import KafkaProducer
from unlearn.log.kafka.reader import KafkaReader
from unlearn.log.protocol import Follower, Record, TopicSpec
from unlearn.settings import KafkaSettings

if TYPE_CHECKING:
    from unlearn.log.columns import RecordColumns

T = TypeVar("T")
BROKERS_WITHIN = 10.0
"""Seconds in which a broker that the cluster doesn't see may come back before there are said to be too few."""
_PAUSE = 0.5


class KafkaLog:
    """A log on a Kafka cluster. It connects at the first call that asks the cluster something."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._timeout_ms = round(settings.request_timeout * 1000)
        self._lock = threading.Lock()  # the client's control objects are not thread-safe
        self._admin: KafkaAdminClient | None = None
        self._reader: KafkaConsumer | None = None

    def cluster_id(self) -> str:
        with self._lock, translated("asking for the cluster's id"):
            return str(self._told(lambda admin: admin.describe_cluster())["cluster_id"])

    def brokers(self) -> int:
        with self._lock, translated("asking for the cluster's brokers"):
            return len(self._told(lambda admin: admin.describe_cluster())["brokers"])

    def topic_id(self, topic: str) -> str:
        return str(self._described(topic)["topic_id"])

    def partitions(self, topic: str) -> int:
        return len(self._described(topic)["partitions"])

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        tps = [TopicPartition(topic, number) for number in range(self.partitions(topic))]
        return self._asked(lambda reader: bounds_of(reader, tps, self._timeout_ms))

    def written(self, topic: str) -> dict[int, int]:
        wanted = {TopicPartition(topic, number): OffsetSpec.LATEST for number in range(self.partitions(topic))}
        with self._lock, translated("asking for the log's ends"):
            found = self._told(lambda admin: admin.list_partition_offsets(wanted, timeout_ms=self._timeout_ms))
        return {tp.partition: int(at.offset) for tp, at in found.items()}

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int:
        self._described(topic)
        tp = TopicPartition(topic, partition)
        return self._asked(lambda reader: offset_at(reader, tp, timestamp, self._timeout_ms))

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        self._described(topic)
        return read_interval(self._settings, TopicPartition(topic, partition), start, stop)

    def read_columns(self, topic: str, partition: int, start: int, stop: int) -> Iterator[RecordColumns]:
        from unlearn.log.kafka.columns.column_interval import read_interval_in_columns

        self._described(topic)
        return read_interval_in_columns(self._settings, TopicPartition(topic, partition), start, stop)

    def reader(self, topic: str, group: str, *, columns: bool = False) -> KafkaReader:
        self._described(topic)
        return (_column_reader() if columns else KafkaReader)(self._settings, topic, group)

    def tail(self, topic: str) -> KafkaTail:
        self._described(topic)
        return KafkaTail(self._settings, topic)

    def follow(self, topic: str, starts: Mapping[int, int]) -> Follower:
        from unlearn.log.kafka.follower import KafkaFollower

        self._described(topic)
        return KafkaFollower(self._settings, topic, starts)

    def producer(self) -> KafkaProducer:
        return KafkaProducer(self._settings)

    def topic(self, name: str) -> TopicSpec | None:
        try:
            found = self._described(name)
        except TopicMissing:
            return None
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        with self._lock, translated(f"asking for the settings of {name}"):
            answer = self._told(lambda admin: admin.describe_configs([resource], config_filter="all"))
        config = {key: str(entry["value"]) for key, entry in answer["topic"][name].items()}
        replicas = min((len(partition["replica_nodes"]) for partition in found["partitions"]), default=0)
        return TopicSpec(name, len(found["partitions"]), config, replicas)

    def create(self, spec: TopicSpec) -> bool:
        replicas = {} if spec.replicas is None else {"replication_factor": spec.replicas}
        wanted = {spec.name: {"num_partitions": spec.partitions, "configs": dict(spec.config), **replicas}}
        with self._lock, translated(f"creating {spec.name}"):
            try:
                self._create(wanted)
            except kafka_errors.TopicAlreadyExistsError:
                return False
        return True

    def _create(self, wanted: Mapping[str, Any]) -> None:
        """Create topics; where brokers are too few, again and again for some seconds: one that has just started, or was
        silent for a moment, counts for none."""
        deadline = time.monotonic() + BROKERS_WITHIN
        while True:
            try:
                self._ask().create_topics(wanted, wait_for_metadata=True)
            except kafka_errors.InvalidReplicationFactorError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def close(self) -> None:
        with self._lock:
            if self._admin is not None:
                self._admin.close()
            if self._reader is not None:
                self._reader.close(autocommit=False)
            self._admin = self._reader = None

    def _asked(self, ask: Callable[[KafkaConsumer], T]) -> T:
        """What a consumer that is kept for such questions answers."""
        with self._lock:
            if self._reader is None:
                self._reader = consumer(self._settings)
            try:
                return ask(self._reader)
            except LogUnavailable:
                # Its picture of the cluster may be old: the next call gets a new one.
                self._reader.close(autocommit=False)
                self._reader = None
                raise

    def _ask(self) -> KafkaAdminClient:
        if self._admin is None:
            self._admin = connected(KafkaAdminClient, self._settings)
        # The client keeps a refused login for good; without it, it logs in again.
        self._admin._manager._auth_failures.clear()  # noqa: SLF001
        return self._admin

    def _told(self, ask: Callable[[KafkaAdminClient], Any]) -> Any:
        """What the cluster answers to a question, which changes nothing.

        A connection may break while the answer is under way, as by a broker that has just been restarted: then it is
        asked once more, as no command has another try.
        """
        try:
            return ask(self._ask())
        except kafka_errors.KafkaConnectionError as error:
            if type(error) is not kafka_errors.KafkaConnectionError:
                raise
            return ask(self._ask())

    def _described(self, topic: str) -> Mapping[str, Any]:
        with self._lock, translated(f"asking about {topic}"):
            found: Mapping[str, Any] = self._told(lambda admin: admin.describe_topics([topic]))[0]
        error = kafka_errors.for_code(found["error_code"])
        if issubclass(error, MISSING):
            raise TopicMissing(f"there is no topic {topic}; `unlearn topics create` makes it")
        if error is not kafka_errors.NoError:
            raise translate(error(), f"asking about {topic}")
        return found


def _column_reader() -> type[KafkaReader]:
    from unlearn.log.kafka.columns.column_reader import ColumnReader

    return ColumnReader

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import UnknownTopicOrPartitionError

from tests.harness.waiting import until
from unlearn.errors import TopicMissing
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import KafkaSettings

pytest.register_assert_rewrite("tests.log_suite")


class KafkaRig:
    def __init__(self, bootstrap_servers: str) -> None:
        self.settings = KafkaSettings(bootstrap_servers=bootstrap_servers, session_timeout=10.0)
        self.log = KafkaLog(self.settings)
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
        self._transactions = 0

    def gap(self, topic: str, partition: int, n: int) -> None:
        """An aborted transaction: n - 1 records that no one may read, and its marker."""
        self._transactions += 1
        name = f"gap-{topic}-{time.time_ns()}"
        producer = KafkaProducer(bootstrap_servers=self.settings.bootstrap_servers, transactional_id=name)
        before = self.log.bounds(topic)[partition][1]
        producer.init_transactions()
        producer.begin_transaction()
        for _ in range(n - 1):
            producer.send(topic, b"aborted", partition=partition).get(30)
        producer.abort_transaction()
        producer.close()
        until(lambda: self.log.bounds(topic)[partition][1] >= before + n, 120, "the transaction is at its end")

    def truncate(self, topic: str, partition: int, start: int) -> None:
        self.admin.delete_records({TopicPartition(topic, partition): start})

    def delete(self, topic: str) -> None:
        self.admin.delete_topics([topic])
        until(lambda: self._is_missing(topic), 120, "the topic is gone")

    def _is_missing(self, topic: str) -> bool:
        try:
            self.log.topic_id(topic)
        except TopicMissing:
            return True
        return False

    def committed(self, topic: str, group: str) -> Mapping[int, int]:
        try:
            found = self.admin.list_group_offsets({group: None})[group]
        except UnknownTopicOrPartitionError:
            return {}
        return {tp.partition: at.offset for tp, at in found.items() if tp.topic == topic}

    def close(self) -> None:
        self.admin.close()
        self.log.close()


@pytest.fixture(scope="session")
def rig(kafka: str) -> Iterator[KafkaRig]:
    made = KafkaRig(kafka)
    yield made
    made.close()

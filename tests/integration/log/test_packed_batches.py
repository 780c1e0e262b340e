"""Batches handed to the client whole: it compresses, sends again, splits and expires them as those it fills itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from typing import Any

import kafka.errors as kafka_errors
import pytest
from kafka import KafkaProducer as Client
from kafka.producer.record_accumulator import RecordAccumulator

from tests.integration.log.conftest import KafkaRig
from tests.log_suite import new_topic
from unlearn.errors import LogRefused, LogUnavailable
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.kafka.packing.packed_batches import BatchSizes, send_packed
from unlearn.log.kafka.producer import KafkaProducer
from unlearn.log.protocol import Message

BATCH: list[Message] = [(b"k%d" % (i % 7), b"%d again and again " % i * 20) for i in range(2000)]


@contextmanager
def client_of(rig: KafkaRig, **options: Any) -> Iterator[Client]:
    client = Client(bootstrap_servers=rig.settings.bootstrap_servers, acks="all", enable_idempotence=True, **options)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def producer_of(rig: KafkaRig, request_timeout: float = 20.0) -> Iterator[KafkaProducer]:
    log = KafkaLog(rig.settings.model_copy(update={"request_timeout": request_timeout}))
    producer = log.producer()
    try:
        yield producer
    finally:
        producer.close()
        log.close()


def written(rig: KafkaRig, topic: str) -> list[Message]:
    [(start, end)] = rig.log.bounds(topic).values()
    return [(record.key, record.value) for record in rig.log.read(topic, 0, start, end)]


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
def test_the_clients_compression_is_kept(rig: KafkaRig, codec: str | None) -> None:
    topic = new_topic(rig)
    with client_of(rig, compression_type=codec, batch_size=100_000) as client:
        answers = [send_packed(client, topic, 0, BATCH, (), BatchSizes()) for _ in range(3)]
        client.flush(60)
        assert [answer.value[0] for answer in answers] == [0, 2000, 4000]
    assert written(rig, topic) == BATCH * 3


@pytest.mark.parametrize("in_flight", [1, 5])
def test_what_was_written_and_lost_its_answer_is_sent_again_and_written_once(rig: KafkaRig, in_flight: int) -> None:
    topic = new_topic(rig)
    options = {"batch_size": 20_000, "max_in_flight_requests_per_connection": in_flight, "linger_ms": 5}
    with client_of(rig, **options) as client:
        lost = lose_answers(client._sender, 3)
        answers = [send_packed(client, topic, 0, BATCH, (), BatchSizes()) for _ in range(3)]
        client.flush(60)
        assert [answer.value for answer in answers] == [[*range(at, at + 2000)] for at in (0, 2000, 4000)]
        assert len(lost) == 3
    assert written(rig, topic) == BATCH * 3


def lose_answers(sender: Any, count: int) -> list[Any]:
    """Let the first answers of the broker be lost, as if the connection had been; gives those that were."""
    handle: Callable[..., None] = sender._handle_produce_response
    lost: list[Any] = []

    def lose(node: int, at: float, batches: list[Any], response: Any) -> None:
        if len(lost) < count:
            lost.append(response)
            sender._failed_produce(batches, node, kafka_errors.KafkaConnectionError("lost"))
        else:
            handle(node, at, batches, response)

    sender._handle_produce_response = lose
    return lost


def test_a_batch_that_is_split_again_and_again_is_answered_once(rig: KafkaRig) -> None:
    topic = new_topic(rig, max_message_bytes="1000")
    with producer_of(rig) as producer:
        first, second = (producer.send_batch(topic, 0, BATCH[:301]) for _ in range(2))
        assert (first.result(60), second.result(60)) == ([*range(301)], [*range(301, 602)])
    assert written(rig, topic) == BATCH[:301] * 2


def test_batches_of_a_topic_that_takes_less_are_made_to_fit_once_one_was_split(
    rig: KafkaRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, split = new_topic(rig, max_message_bytes="30000"), []
    again = RecordAccumulator.split_and_reenqueue

    def noted(accumulator: Any, batch: Any, *rest: Any) -> Any:
        split.append(batch.record_count)
        return again(accumulator, batch, *rest)

    monkeypatch.setattr(RecordAccumulator, "split_and_reenqueue", noted)
    with producer_of(rig) as producer:
        for _ in range(5):
            producer.send_batch(topic, 0, BATCH[:200]).result(60)
        splits = len(split)
        assert producer.send_batch(topic, 0, BATCH).result(60) == [*range(1000, 3000)]

    assert splits > 0
    assert len(split) == splits
    assert written(rig, topic) == BATCH[:200] * 5 + BATCH


def test_messages_beside_the_one_that_is_at_fault_are_not_called_refused(rig: KafkaRig) -> None:
    topic = new_topic(rig, cleanup_policy="compact")
    with producer_of(rig) as producer:
        # A compacted topic takes no record without a key: the broker names it, not the whole batch.
        refused = producer.send_batch(topic, 0, [(b"k", b"v"), (None, b"keyless"), (b"k", b"v")])
        other = producer.send_batch(topic, 0, [(b"k", b"w")])
        wait([refused, other], 60)
        assert isinstance(refused.exception(0), LogRefused)
        assert other.done()
        assert other.exception(0) is None or isinstance(other.exception(0), LogUnavailable)
        again = producer.send_batch(topic, 0, [(b"k", b"x")])
        assert again.result(60)[0] >= 0


def test_a_message_larger_than_a_request_and_one_of_nothing_are_refused_unsent(rig: KafkaRig) -> None:
    topic = new_topic(rig)
    with producer_of(rig) as producer:
        assert isinstance(producer.send_batch(topic, 0, [(b"k", bytes(9 << 20))]).exception(0), LogRefused)
        assert isinstance(producer.send_batch(topic, 0, [(None, None)]).exception(0), LogRefused)
        assert producer.send_batch(topic, 0, [(b"k", b"v")]).result(60) == [0]


def test_what_can_not_be_delivered_in_time_fails_as_unavailable(rig: KafkaRig) -> None:
    topic = new_topic(rig)
    with producer_of(rig, request_timeout=1.0) as producer:
        assert producer.send_batch(topic, 0, BATCH[:1]).result(60) == [0]
        assert producer._client is not None
        lose_answers(producer._client._sender, 1_000_000)
        late = [producer.send_batch(topic, 0, BATCH) for _ in range(3)]
        wait(late, 60)
        assert {type(answer.exception(0)) for answer in late} == {LogUnavailable}
        again = producer.send_batch(topic, 0, [(b"k", b"after")])
        (offset,) = again.result(60)
        assert written(rig, topic)[offset] == (b"k", b"after")

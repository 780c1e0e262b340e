"""What only a broker and its client can do to us."""

from __future__ import annotations

import itertools
import random
import time
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import InvalidReplicationFactorError, KafkaConnectionError

from tests.integration.log.conftest import KafkaRig
from tests.log_suite import drain, fill, joined, new_topic, numbered, poll_until, reading, values
from unlearn.errors import LogDiverged, LogRefused, LogUnavailable
from unlearn.log.kafka import log
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Reader, TopicSpec
from unlearn.settings import KafkaSettings


class NotUtf8(str):
    """A header's name as other clients may send it."""

    __slots__ = ()

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"\xff\xfe"


def test_a_record_the_client_can_t_decode_stops_its_partition_only(rig: KafkaRig) -> None:
    topic = new_topic(rig, 2)
    fill(rig, topic, 0, [b"good"])
    producer = rig.log.producer()
    assert producer.send(topic, 0, b"k", b"bad", [(NotUtf8("xx"), b"v")]).result(30) == 1
    producer.close()
    fill(rig, topic, 0, [b"after"])
    fill(rig, topic, 1, numbered(3))
    with reading(rig, topic) as reader:
        joined(reader, 2)
        reader.seek(0, 0)
        reader.seek(1, 0)
        polled = poll_until(reader, lambda polled: polled.lost)
        assert list(polled.lost) == [0]
        assert "position 1" in polled.lost[0]
        fill(rig, topic, 1, [b"more"])
        poll_until(reader, lambda polled: 1 in polled.batches and polled.batches[1].stop == 4)
        reader.seek(0, 2)
        assert values(drain(reader, {0: 3})[0]) == [b"after"]
    with pytest.raises(LogDiverged, match="position 1"):
        list(rig.log.read(topic, 0, 0, 3))


def test_an_unreachable_cluster_is_told_within_the_time_out() -> None:
    log = KafkaLog(KafkaSettings(bootstrap_servers="127.0.0.1:9", request_timeout=0.5))
    for ask in (log.cluster_id, log.producer, lambda: log.reader("t", "g"), lambda: log.bounds("t")):
        before = time.monotonic()
        with pytest.raises(LogUnavailable):
            ask()
        assert time.monotonic() - before < 30
    log.close()


def test_a_partition_lost_and_won_between_two_polls_is_a_new_assignment(rig: KafkaRig) -> None:
    topic = new_topic(rig)
    fill(rig, topic, 0, numbered(3))
    reader = rig.log.reader(topic, f"group-{topic}")
    before = joined(reader, 1)[0]
    reader.seek(0, 0)
    tps = [TopicPartition(topic, 0)]
    reader._assignments.on_partitions_lost(tps)
    reader._assignments.on_partitions_assigned(tps)
    reader.seek(0, 0)
    reader.resume(0)
    polls = [reader.poll(0.2, 10) for _ in range(4)]
    assert [polled.batches for polled in polls] == [{}] * 4
    assert all(polled.assigned[0] > before for polled in polls)
    reader.seek(0, 1)
    assert values(drain(reader, {0: 3})[0]) == [b"v1", b"v2"]
    reader.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_members_that_come_and_go_leave_every_partition_with_one_owner(rig: KafkaRig, seed: int) -> None:
    topic, chance = new_topic(rig, 5), random.Random(seed)
    for partition in range(5):
        fill(rig, topic, partition, numbered(7))
    members: list[Reader] = []
    numbers: dict[tuple[Reader, int], int] = {}
    for _ in range(8):
        if len(members) < 2 or (len(members) < 4 and chance.random() < 0.5):
            members.append(rig.log.reader(topic, f"group-{topic}"))
        else:
            members.pop(chance.randrange(len(members))).close()
        for _ in range(chance.randrange(10, 30)):
            for member in members:
                read_one(member, numbers)
    wait_for_owners(members, numbers, 5)
    for member in members:
        member.close()


def read_one(member: Reader, numbers: dict[tuple[Reader, int], int]) -> set[int]:
    """Polls, checks that only partitions sought in this very assignment come, and seeks the new ones."""
    polled = member.poll(0.05, 3)
    assert polled.lost == {}
    for partition in polled.batches:
        assert numbers.get((member, partition)) == polled.assigned[partition]
    for partition, number in polled.assigned.items():
        if numbers.get((member, partition)) != number:
            assert number > numbers.get((member, partition), 0)
            numbers[member, partition] = number
            member.seek(partition, 0)
    return set(polled.assigned)


def wait_for_owners(members: list[Reader], numbers: dict[tuple[Reader, int], int], count: int) -> None:
    deadline, calm = time.monotonic() + 120, 0
    while calm < 10:
        assert time.monotonic() < deadline, "the group never settled"
        owned = [partition for member in members for partition in read_one(member, numbers)]
        calm = calm + 1 if sorted(owned) == list(range(count)) else 0


def test_a_question_whose_connection_broke_is_asked_once_more(rig: KafkaRig, monkeypatch: pytest.MonkeyPatch) -> None:
    topic, breaks = new_topic(rig, 2), [1]
    answered = KafkaAdminClient.describe_topics

    def breaking(admin: KafkaAdminClient, topics: list[str]) -> Any:
        if breaks.pop():
            breaks.extend(later)
            raise KafkaConnectionError("socket disconnected")
        return answered(admin, topics)

    monkeypatch.setattr(KafkaAdminClient, "describe_topics", breaking)
    later = [0]
    assert rig.log.topic_id(topic)

    breaks, later = [1], [1]
    with pytest.raises(LogUnavailable, match="socket disconnected"):
        rig.log.topic_id(topic)


@pytest.mark.parametrize("silent", [0, 2, None], ids=["seen", "not seen for a moment", "never seen"])
def test_too_few_brokers_are_asked_again_before_a_topic_is_refused(
    rig: KafkaRig, monkeypatch: pytest.MonkeyPatch, silent: int | None
) -> None:
    """A broker that starts, or was silent for a moment on a busy machine, counts for none in the cluster's eyes."""
    monkeypatch.setattr(log, "BROKERS_WITHIN", 1.0)
    name, asked, create = f"few{time.time_ns()}", itertools.count(), KafkaAdminClient.create_topics

    def answered(self: KafkaAdminClient, *given: Any, **more: Any) -> Any:
        if silent is None or next(asked) < silent:
            raise InvalidReplicationFactorError("only 0 broker(s) are registered")
        return create(self, *given, **more)

    monkeypatch.setattr(KafkaAdminClient, "create_topics", answered)
    if silent is None:
        with pytest.raises(LogRefused, match="0 broker"):
            rig.log.create(TopicSpec(name, 1, {}))
    else:
        assert rig.log.create(TopicSpec(name, 1, {}))
        assert rig.log.partitions(name) == 1


def test_more_replicas_than_there_are_brokers_are_refused(rig: KafkaRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "BROKERS_WITHIN", 1.0)

    with pytest.raises(LogRefused, match="replication factor"):
        rig.log.create(TopicSpec(f"many{time.time_ns()}", 1, {}, replicas=3))

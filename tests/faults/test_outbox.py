"""Nothing leaves the outbox before all that it asks for is acknowledged; what failed is sent again, whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.harness.events import delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.errors import LogDenied, LogRefused, LogUnavailable
from unlearn.events.event import Delete, Unreadable, encode
from unlearn.events.partitioner import home
from unlearn.log.protocol import Header, Message, Producer
from unlearn.partition.claimed_partition import ClaimedPartition

Headers = Sequence[tuple[str, bytes]]


class Held:
    """A producer of the log whose acknowledgements wait until the test gives them."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self.waiting: list[tuple[str, int, Future[list[int]], Future[list[int]]]] = []

    def send_batch(
        self, topic: str, partition: int, messages: Sequence[Message], headers: Sequence[Sequence[Header]] = ()
    ) -> Future[list[int]]:
        told: Future[list[int]] = Future()
        sent = self._producer.send_batch(topic, partition, messages, headers)
        self.waiting.append((topic, partition, told, sent))
        return told

    def acknowledge(self, but: int = 0) -> None:
        """All but the last so many."""
        for _, _, told, sent in self.waiting[: len(self.waiting) - but]:
            told.set_result(sent.result())
        del self.waiting[: len(self.waiting) - but]

    def fail(self, error: Exception) -> None:
        """The one that waits for longest."""
        self.waiting.pop(0)[2].set_exception(error)


class Limited:
    """A producer of the log that takes no longer record of the events topic than so many bytes."""

    def __init__(self, producer: Producer, topic: str, most: int) -> None:
        self._producer, self._topic, self.most = producer, topic, most

    def send_batch(
        self, topic: str, partition: int, messages: Sequence[Message], headers: Sequence[Sequence[Header]] = ()
    ) -> Future[list[int]]:
        sizes = [len(value or b"") for _, value in messages]
        for at, of in enumerate(headers):
            sizes[at] += sum(len(name) + len(content or b"") for name, content in of)
        if topic == self._topic and max(sizes) > self.most:
            told: Future[list[int]] = Future()
            told.set_exception(LogRefused("too large"))
            return told
        return self._producer.send_batch(topic, partition, messages, headers)


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    """Three partitions; a record to delete, whose deletion goes to all of them."""
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=3)
    made.send(insert(0, "s"), insert(1, "t"))
    made.settle()
    yield made
    made.close()


def held(harness: MemoryHarness) -> Held:
    """What the outbox sends from now on is held."""
    outbox = harness.worker._outbox
    outbox._producer = producer = Held(outbox._producer)  # type: ignore[assignment]
    return producer


def limit(harness: MemoryHarness, most: int) -> None:
    outbox = harness.worker._outbox
    outbox._producer = Limited(outbox._producer, harness.settings.events_topic, most)  # type: ignore[assignment]


def begun(harness: MemoryHarness) -> tuple[Held, ClaimedPartition, int]:
    """A deletion without a subject is applied and its two copies and its receipt are sent."""
    producer = held(harness)
    offset = harness.send(delete("r0"))
    harness.turn(3)
    (owned,) = (one for one in harness.worker.owned.values() if one.view.outbox)
    assert owned.partition == home(b"r0", 3)
    assert list(owned.view.outbox) == [offset]
    assert len(producer.waiting) == 3
    return producer, owned, offset


def accepted(harness: MemoryHarness) -> int:
    return len(harness.receipts("accepted"))


def copies(harness: MemoryHarness) -> int:
    """Deletions on the log that bear our mark."""
    return sum(
        bool(record.headers) and json.loads(record.value or b"{}").get("type") == "delete"
        for partition in range(3)
        for record in harness.log.read(harness.settings.events_topic, partition, 0, 1 << 60)
    )


def test_an_entry_waits_for_the_last_acknowledgement(harness: MemoryHarness) -> None:
    producer, owned, offset = begun(harness)

    producer.acknowledge(but=1)
    harness.turn(3)

    assert offset in owned.view.outbox
    assert len(producer.waiting) == 1
    producer.acknowledge()
    harness.turn(3)
    assert not owned.view.outbox
    assert not owned.sending


def committed(harness: MemoryHarness, partition: int) -> int:
    """The offset that the group is said to have come to."""
    return harness.log.committed[harness.settings.events_topic, harness.settings.group_id][partition]


@pytest.mark.parametrize("leaving", [False, True], ids=["it goes on", "it leaves"])
def test_nothing_is_committed_to_kafka_beyond_what_the_outbox_holds(harness: MemoryHarness, leaving: bool) -> None:
    # given a deletion whose copies aren't acknowledged, and more that was applied after it
    producer, owned, offset = begun(harness)
    applied = harness.send(delete("r0")) + 1
    harness.wait(3.0)
    assert owned.view.applied == applied > offset + 1

    # when time passes, or the worker leaves
    if leaving:
        left = harness.workers.pop()
        left.close()
        left._assignment._state_of(0)._redis.close()
    else:
        harness.wait(3.0)

    # then the group has not come past the deletion, until all of it is settled
    assert committed(harness, owned.partition) <= offset
    if not leaving:
        producer.acknowledge()
        harness.wait(3.0)
        assert not owned.view.outbox
        assert committed(harness, owned.partition) == owned.view.applied


def test_what_a_dead_worker_had_in_hand_is_sent_again(harness: MemoryHarness) -> None:
    begun(harness)

    harness.start()
    harness.turn(20)

    assert copies(harness) == 4
    assert accepted(harness) == 2
    assert not any(owned.view.outbox for owned in harness.worker.owned.values())


def test_a_send_that_failed_is_made_again_with_all_beside_it(harness: MemoryHarness) -> None:
    producer, owned, offset = begun(harness)

    producer.fail(LogUnavailable("the broker is away"))
    producer.acknowledge()
    harness.turn(3)

    assert offset in owned.view.outbox
    assert len(producer.waiting) == 3
    producer.acknowledge()
    harness.turn(3)
    assert not owned.view.outbox
    assert copies(harness) == 4


def test_what_the_log_refuses_becomes_a_dead_letter_and_stays_unresolved(harness: MemoryHarness) -> None:
    producer, owned, offset = begun(harness)

    producer.fail(LogRefused("too large"))
    producer.acknowledge()
    harness.turn(3)

    assert list(owned.view.unresolved) == [offset]
    assert "refuses" in owned.view.unresolved[offset].reason
    topics = [harness.settings.dead_letters_topic, harness.settings.receipts_topic]
    assert [topic for topic, *_ in producer.waiting] == topics
    assert offset in owned.view.outbox
    producer.acknowledge()
    harness.turn(3)
    assert not owned.view.outbox


# -- what is too long as it is


def put(harness: MemoryHarness, partition: int, value: bytes, headers: Headers = ()) -> int:
    return harness.log.append(harness.settings.events_topic, partition, b"k", value, headers)


def off_home(harness: MemoryHarness) -> tuple[str, int]:
    """A subject, and a partition that is not its home."""
    return "s", (home(b"s", 3) + 1) % 3


def padded(event: Delete) -> bytes:
    return encode(event) + b" " * 1000


def test_a_deletion_that_is_too_long_to_be_sent_home_goes_in_fewer_bytes_and_is_applied(harness: MemoryHarness) -> None:
    """Near the limit only our own mark is too much; what the event says fits in less."""
    subject, away = off_home(harness)
    event = Delete(event_id="d", subject_id=subject, requested_at="2024-05-01")
    limit(harness, 1000)
    put(harness, away, padded(event), [("trace", b"x" * 500)])
    harness.settle()
    harness.turn(5)

    *_, sent = harness.log.read(harness.settings.events_topic, home(b"s", 3), 0, 1 << 60)
    assert sent.value == encode(event)
    assert [name for name, _ in sent.headers] == ["unlearn-origin"]
    assert harness.worker.owned[away].view.unresolved == {}
    assert [receipt.state for receipt in harness.receipts()] == ["accepted", "hidden"]


def test_a_copy_that_is_too_long_goes_in_fewer_bytes_too(harness: MemoryHarness) -> None:
    limit(harness, 1000)
    put(harness, 0, padded(Delete(event_id="d", record_id="r0", requested_at="2024-05-01")))
    harness.settle()
    harness.turn(30)

    assert copies(harness) == 2
    assert {receipt.state for receipt in harness.receipts()} == {"accepted", "hidden"}


def test_a_deletion_that_fits_in_no_message_is_open_with_its_own_deadline_and_its_sender_is_told(
    harness: MemoryHarness,
) -> None:
    subject, away = off_home(harness)
    event = Delete(event_id="d", subject_id=subject, requested_at="2024-05-01", forget_within=3600.0)
    limit(harness, 10)
    offset = put(harness, away, padded(event))
    harness.turn(10)

    view = harness.worker.owned[away].view
    open_one = view.unresolved[offset]
    (record,) = harness.log.read(harness.settings.events_topic, away, offset, offset + 1)
    assert (open_one.since, open_one.deadline) == (record.timestamp, record.timestamp + 3_600_000)
    assert [(receipt.state, receipt.event_id) for receipt in harness.receipts()] == [("refused", "d")]
    assert not view.outbox
    assert sum(view.number(name) for name in view.meta if name.startswith("dead:")) == 1


def test_a_sender_who_can_not_be_told_of_the_refusal_is_counted_and_named(
    harness: MemoryHarness, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = harness.worker._outbox
    outbox._producer = Limited(outbox._producer, harness.settings.receipts_topic, 10)  # type: ignore[assignment]
    offset = put(harness, 0, b'{"type":"delete","event_id":"d","record_id":"r0"}')
    harness.turn(10)

    assert harness.receipts() == []
    assert [letter["offset"] for letter in harness.dead_letters()] == [offset]
    assert harness.worker.owned[0].view.outbox == {}
    assert harness.count("senders_untold") == 1
    assert [record.getMessage() for record in caplog.records if "`refused` receipt" in record.getMessage()] == [
        f"partition 0: no `refused` receipt of {offset}: too large"
    ]


def test_an_insert_that_can_not_be_sent_home_is_no_possible_deletion(harness: MemoryHarness) -> None:
    _, away = off_home(harness)
    limit(harness, 10)
    put(harness, away, encode(insert(7, "s")))
    harness.turn(10)

    view = harness.worker.owned[away].view
    assert (view.unresolved, view.outbox) == ({}, {})
    assert harness.receipts() == []
    assert sum(view.number(name) for name in view.meta if name.startswith("dead:")) == 1


def test_an_outbox_entry_that_is_read_differently_now_stays_open(
    harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer version of the code may read an event otherwise than the one that applied it."""
    subject, away = off_home(harness)
    harness.worker._outbox.turn = lambda *_: None  # type: ignore[method-assign]
    offset = put(harness, away, encode(Delete(event_id="d", subject_id=subject, requested_at="2024-05-01")))
    harness.turn(3)
    harness.start()
    monkeypatch.setattr(harness.worker._outbox._parser, "taken", lambda _: Unreadable("why"))
    harness.turn(10)

    view = harness.worker.owned[away].view
    assert list(view.unresolved) == [offset]
    assert view.unresolved[offset].deadline > view.unresolved[offset].since > 0
    assert not view.outbox


def test_a_denial_is_waited_for_and_nothing_becomes_unresolved(harness: MemoryHarness) -> None:
    producer, owned, offset = begun(harness)

    for _ in range(3):
        producer.fail(LogDenied("rights were taken away"))
        producer.acknowledge()
        harness.turn(3)

    assert offset in owned.view.outbox
    assert owned.view.unresolved == {}
    producer.acknowledge()
    harness.turn(3)
    assert not owned.view.outbox
    # Two copies each time that it was sent.
    assert copies(harness) == 2 * 4


def test_what_is_beside_an_event_that_the_log_refuses_is_sent_on_its_own(harness: MemoryHarness) -> None:
    """Of many events sent together the log says that it refuses one, not which."""
    limit(harness, 1000)
    wide = b'{"type":"delete","event_id":"d","record_id":"r9","requested_at":"2024-05-01"}' + b" " * 100
    offsets = [put(harness, 0, wide + b" " * 1000 * (at == 7)) for at in range(20)]
    for offset in offsets:
        put(harness, 0, encode(Delete(event_id=f"t{offset}", record_id="t", requested_at="2024-05-01")))
    harness.settle()
    harness.turn(30)

    sent = [
        record.value
        for record in harness.log.read(harness.settings.events_topic, 1, 0, 1 << 60)
        if record.headers and b"r9" in (record.value or b"")
    ]
    assert sent.count(wide) == 19
    assert len(sent) == 20
    assert {receipt.offset for receipt in harness.receipts("hidden")} >= set(offsets)
    assert not any(owned.view.unresolved for owned in harness.worker.owned.values())


def test_a_copy_of_which_nobody_says_where_it_was_written_is_sent_again(harness: MemoryHarness) -> None:
    producer, owned, offset = begun(harness)

    producer.waiting[-1][2].set_result([-1])
    producer.waiting.pop()
    producer.acknowledge()
    harness.turn(3)

    assert offset in owned.view.outbox
    producer.acknowledge()
    harness.turn(3)
    assert not owned.view.outbox
    assert copies(harness) == 4

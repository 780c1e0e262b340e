"""Nothing leaves the outbox before all that it asks for is acknowledged; what failed is sent again, whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from tests.faults.site import Site, delete, insert
from unlearn.errors import LogDenied, LogRefused, LogUnavailable
from unlearn.events.event import Delete, Unreadable, encode
from unlearn.events.partitioner import home
from unlearn.log.protocol import Producer
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.results.manifest import Receipt

Headers = Sequence[tuple[str, bytes]]


class Held:
    """A producer of the log whose acknowledgements wait until the test gives them."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self.waiting: list[tuple[str, int, Future[int], Future[int]]] = []

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Future[int]:
        told: Future[int] = Future()
        self.waiting.append((topic, partition, told, self._producer.send(topic, partition, key, value, headers)))
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

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Future[int]:
        size = len(value or b"") + sum(len(name) + len(content) for name, content in headers)
        if topic == self._topic and size > self.most:
            told: Future[int] = Future()
            told.set_exception(LogRefused("too large"))
            return told
        return self._producer.send(topic, partition, key, value, headers)


@pytest.fixture
def site(redis_url: str, tmp_path: Path) -> Iterator[Site]:
    """Three partitions; a record to delete, whose deletion goes to all of them."""
    made = Site(redis_url, tmp_path, "naive-bayes", partitions=3)
    made.send(insert(0, "s"), insert(1, "t"))
    made.settle()
    yield made
    made.close()


def held(site: Site) -> Held:
    """What the outbox sends from now on is held."""
    outbox = site.worker._outbox
    outbox._producer = producer = Held(outbox._producer)  # type: ignore[assignment]
    return producer


def limit(site: Site, most: int) -> None:
    outbox = site.worker._outbox
    outbox._producer = Limited(outbox._producer, site.settings.events_topic, most)  # type: ignore[assignment]


def begun(site: Site) -> tuple[Held, ClaimedPartition, int]:
    """A deletion without a subject is applied and its two copies and its receipt are sent."""
    producer = held(site)
    offset = site.send(delete("r0"))
    site.turn(3)
    (owned,) = (one for one in site.worker.owned.values() if one.view.outbox)
    assert owned.partition == home(b"r0", 3)
    assert list(owned.view.outbox) == [offset]
    assert len(producer.waiting) == 3
    return producer, owned, offset


def accepted(site: Site) -> int:
    read = site.log.read(site.settings.receipts_topic, 0, 0, 1 << 60)
    receipts = [Receipt.model_validate_json(record.value or b"") for record in read]
    return sum(receipt.state == "accepted" for receipt in receipts)


def copies(site: Site) -> int:
    """Deletions on the log that bear our mark."""
    return sum(
        bool(record.headers) and json.loads(record.value or b"{}").get("type") == "delete"
        for partition in range(3)
        for record in site.log.read(site.settings.events_topic, partition, 0, 1 << 60)
    )


def test_an_entry_waits_for_the_last_acknowledgement(site: Site) -> None:
    producer, owned, offset = begun(site)

    producer.acknowledge(but=1)
    site.turn(3)

    assert offset in owned.view.outbox
    assert len(producer.waiting) == 1
    producer.acknowledge()
    site.turn(3)
    assert not owned.view.outbox
    assert not owned.sending


def committed(site: Site, partition: int) -> int:
    """The offset that the group is said to have come to."""
    return site.log.committed[site.settings.events_topic, site.settings.group_id][partition]


@pytest.mark.parametrize("leaving", [False, True], ids=["it goes on", "it leaves"])
def test_nothing_is_committed_to_kafka_beyond_what_the_outbox_holds(site: Site, leaving: bool) -> None:
    # given a deletion whose copies aren't acknowledged, and more that was applied after it
    producer, owned, offset = begun(site)
    applied = site.send(delete("r0")) + 1
    site.wait(3.0)
    assert owned.view.applied == applied > offset + 1

    # when time passes, or the worker leaves
    if leaving:
        left = site.workers.pop()
        left.close()
        left._state_of(0)._redis.close()
    else:
        site.wait(3.0)

    # then the group has not come past the deletion, until all of it is settled
    assert committed(site, owned.partition) <= offset
    if not leaving:
        producer.acknowledge()
        site.wait(3.0)
        assert not owned.view.outbox
        assert committed(site, owned.partition) == owned.view.applied


def test_what_a_dead_worker_had_in_hand_is_sent_again(site: Site) -> None:
    begun(site)

    site.start()
    site.turn(20)

    assert copies(site) == 4
    assert accepted(site) == 2
    assert not any(owned.view.outbox for owned in site.worker.owned.values())


def test_a_send_that_failed_is_made_again_with_all_beside_it(site: Site) -> None:
    producer, owned, offset = begun(site)

    producer.fail(LogUnavailable("the broker is away"))
    producer.acknowledge()
    site.turn(3)

    assert offset in owned.view.outbox
    assert len(producer.waiting) == 3
    producer.acknowledge()
    site.turn(3)
    assert not owned.view.outbox
    assert copies(site) == 4


def test_what_the_log_refuses_becomes_a_dead_letter_and_stays_unresolved(site: Site) -> None:
    producer, owned, offset = begun(site)

    producer.fail(LogRefused("too large"))
    producer.acknowledge()
    site.turn(3)

    assert list(owned.view.unresolved) == [offset]
    assert "refuses" in owned.view.unresolved[offset].reason
    topics = [site.settings.dead_letters_topic, site.settings.receipts_topic]
    assert [topic for topic, *_ in producer.waiting] == topics
    assert offset in owned.view.outbox
    producer.acknowledge()
    site.turn(3)
    assert not owned.view.outbox


# -- what is too long as it is


def put(site: Site, partition: int, value: bytes, headers: Headers = ()) -> int:
    return site.log.append(site.settings.events_topic, partition, b"k", value, headers)


def off_home(site: Site) -> tuple[str, int]:
    """A subject, and a partition that is not its home."""
    return "s", (home(b"s", 3) + 1) % 3


def padded(event: Delete) -> bytes:
    return encode(event) + b" " * 1000


def receipts(site: Site) -> list[tuple[str, str]]:
    read = site.log.read(site.settings.receipts_topic, 0, 0, 1 << 60)
    return [(told["state"], told["event_id"]) for told in (json.loads(record.value or b"") for record in read)]


def test_a_deletion_that_is_too_long_to_be_sent_home_goes_in_fewer_bytes_and_is_applied(site: Site) -> None:
    """Near the limit only our own mark is too much; what the event says fits in less."""
    subject, away = off_home(site)
    event = Delete(event_id="d", subject_id=subject, requested_at="2024-05-01")
    limit(site, 1000)
    put(site, away, padded(event), [("trace", b"x" * 500)])
    site.settle()
    site.turn(5)

    *_, sent = site.log.read(site.settings.events_topic, home(b"s", 3), 0, 1 << 60)
    assert sent.value == encode(event)
    assert [name for name, _ in sent.headers] == ["unlearn-origin"]
    assert site.worker.owned[away].view.unresolved == {}
    assert [state for state, _ in receipts(site)] == ["accepted", "hidden"]


def test_a_copy_that_is_too_long_goes_in_fewer_bytes_too(site: Site) -> None:
    limit(site, 1000)
    put(site, 0, padded(Delete(event_id="d", record_id="r0", requested_at="2024-05-01")))
    site.settle()
    site.turn(30)

    assert copies(site) == 2
    assert {state for state, _ in receipts(site)} == {"accepted", "hidden"}


def test_one_that_can_be_sent_in_no_way_is_open_with_its_own_deadline_and_its_sender_is_told(site: Site) -> None:
    subject, away = off_home(site)
    event = Delete(event_id="d", subject_id=subject, requested_at="2024-05-01", forget_within=3600.0)
    limit(site, 10)
    offset = put(site, away, padded(event))
    site.turn(10)

    view = site.worker.owned[away].view
    open_one = view.unresolved[offset]
    (record,) = site.log.read(site.settings.events_topic, away, offset, offset + 1)
    assert (open_one.since, open_one.deadline) == (record.timestamp, record.timestamp + 3_600_000)
    assert receipts(site) == [("refused", "d")]
    assert not view.outbox
    assert sum(view.number(name) for name in view.meta if name.startswith("dead:")) == 1


def test_an_insert_that_can_not_be_sent_home_is_no_possible_deletion(site: Site) -> None:
    _, away = off_home(site)
    limit(site, 10)
    put(site, away, encode(insert(7, "s")))
    site.turn(10)

    view = site.worker.owned[away].view
    assert (view.unresolved, view.outbox) == ({}, {})
    assert receipts(site) == []
    assert sum(view.number(name) for name in view.meta if name.startswith("dead:")) == 1


def test_what_is_not_read_as_it_was_any_more_stays_open(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer version of the code may read an event otherwise than the one that applied it."""
    subject, away = off_home(site)
    site.worker._outbox.turn = lambda *_: None  # type: ignore[method-assign]
    offset = put(site, away, encode(Delete(event_id="d", subject_id=subject, requested_at="2024-05-01")))
    site.turn(3)
    site.start()
    monkeypatch.setattr(site.worker._outbox._parser, "taken", lambda _: Unreadable("why"))
    site.turn(10)

    view = site.worker.owned[away].view
    assert list(view.unresolved) == [offset]
    assert view.unresolved[offset].deadline > view.unresolved[offset].since > 0
    assert not view.outbox


def test_a_denial_is_waited_for_and_nothing_becomes_unresolved(site: Site) -> None:
    producer, owned, offset = begun(site)

    for _ in range(3):
        producer.fail(LogDenied("rights were taken away"))
        producer.acknowledge()
        site.turn(3)

    assert offset in owned.view.outbox
    assert owned.view.unresolved == {}
    producer.acknowledge()
    site.turn(3)
    assert not owned.view.outbox
    # Two copies each time that it was sent.
    assert copies(site) == 2 * 4

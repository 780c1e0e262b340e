"""Nothing leaves the outbox before all that it asks for is acknowledged; what failed is sent again, whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from processor.errors import LogRefused, LogUnavailable
from processor.log.protocol import Producer
from processor.manifest import Receipt
from processor.owned import Owned
from processor.routing import home
from tests.faults.site import Site, delete, insert

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


def begun(site: Site) -> tuple[Held, Owned, int]:
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
    assert [topic for topic, *_ in producer.waiting] == [site.settings.dead_letters_topic]
    assert offset in owned.view.outbox
    producer.acknowledge()
    site.turn(3)
    assert not owned.view.outbox

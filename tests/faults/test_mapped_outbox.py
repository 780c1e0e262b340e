"""Messages of a mapping are sent on as they are, and shortened to our own JSON where the log takes no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.checks import wrong_manifests
from tests.faults.test_outbox import limit
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.events.event import ORIGIN
from unlearn.events.partitioner import home
from unlearn.log.protocol import Header, Record

WHO, TEXT = "ana", "win a prize"


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=3, mapping="cloudevents")
    yield made
    made.close()


def put(harness: MemoryHarness, partition: int, kind: str, data: dict[str, Any], pad: int = 0) -> int:
    """A binary CloudEvent, whose kind stands in a header alone."""
    headers: list[Header] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", kind.encode()),
        ("ce_type", f"x.{kind}".encode()),
        ("ce_time", b"2024-05-01T12:00:00Z"),
    ]
    value = json.dumps(data).encode() + b" " * pad
    return harness.log.append(harness.settings.events_topic, partition, b"a key", value, headers)


def sent_on(harness: MemoryHarness) -> list[Record]:
    topic = harness.settings.events_topic
    read = (record for p in range(3) for record in harness.log.read(topic, p, 0, 1 << 60))
    return [record for record in read if any(name == ORIGIN for name, _ in record.headers)]


@pytest.mark.parametrize("pad", [0, 2000])
def test_an_insert_is_sent_home_and_its_record_is_forgotten_by_copies(harness: MemoryHarness, pad: int) -> None:
    at_home = home(WHO.encode(), 3)
    away = (at_home + 1) % 3
    harness.worker  # noqa: B018  made before its producer is limited
    limit(harness, 1000)
    put(harness, away, "created", {"record_id": "r1", "subject_id": WHO, "label": "spam", "text": TEXT}, pad)
    put(harness, away, "updated", {"record_id": "r2", "subject_id": WHO, "label": "spam", "text": TEXT})
    harness.settle()
    view = harness.worker.owned[at_home].view
    assert view.number("live") == 2

    offset = put(harness, away, "deleted", {"record_id": "r1"}, pad)
    harness.settle()

    assert view.number("live") == 1
    assert not any(owned.view.unresolved or owned.view.outbox for owned in harness.worker.owned.values())
    plain = {b"type" in (record.value or b"") for record in sent_on(harness) if b"r1" in (record.value or b"")}
    assert plain == {bool(pad)}
    assert len(sent_on(harness)) == 2 + 2
    (receipt,) = {(r.event_id, r.partition, r.offset) for r in harness.receipts("hidden")}
    assert receipt == ("deleted", away, offset)
    assert wrong_manifests(harness) == []
    assert harness.verify().exit_code == 0


def test_a_null_that_is_a_deletion_is_copied_to_all_partitions(redis_url: str, tmp_path: Path) -> None:
    changed = {"mapping": "debezium", "tombstones": "delete"}
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=3, **changed)
    try:
        row = {"id": 7, "subject_id": WHO, "label": "spam", "text": TEXT}
        value = json.dumps({"op": "c", "before": None, "after": row, "source": {"lsn": 5}}).encode()
        away, topic = (home(WHO.encode(), 3) + 1) % 3, harness.settings.events_topic
        harness.log.append(topic, away, b'{"id": 7}', value, ())
        harness.settle()
        assert sum(owned.view.number("live") for owned in harness.worker.owned.values()) == 1

        offset = harness.log.append(topic, away, b'{"id": 7}', None, ())
        harness.settle()

        assert sum(owned.view.number("live") for owned in harness.worker.owned.values()) == 0
        (receipt,) = {(r.event_id, r.partition, r.offset) for r in harness.receipts("hidden")}
        assert receipt == (f"place:{away}/{offset}", away, offset)
        assert wrong_manifests(harness) == []
        assert harness.verify().exit_code == 0
    finally:
        harness.close()


@pytest.mark.parametrize("ingest", ["fast", "plain"])
def test_a_null_under_a_subjects_key_forgets_the_subject(redis_url: str, tmp_path: Path, ingest: str) -> None:
    """With our own JSON, whose usual inserts go by columns."""
    (tmp_path / "keys.toml").write_text('tombstone = {subject_id = "key"}\n')
    changed = {"mapping": str(tmp_path / "keys.toml"), "tombstones": "delete", "ingest": ingest}
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=2, **changed)
    try:
        harness.send(*(insert(number, WHO) for number in range(5)), insert(5, "ben"))
        at_home, topic = home(WHO.encode(), 2), harness.settings.events_topic
        away = harness.log.append(topic, 1 - at_home, WHO.encode(), None, ())
        harness.send(insert(6, WHO))
        harness.settle()

        assert sum(owned.view.number("live") for owned in harness.worker.owned.values()) == 1
        (receipt,) = {(r.event_id, r.partition, r.offset) for r in harness.receipts("hidden")}
        assert receipt == (f"place:{1 - at_home}/{away}", 1 - at_home, away)
        assert wrong_manifests(harness) == []
        assert harness.verify().exit_code == 0
    finally:
        harness.close()


def test_an_owner_that_comes_later_reads_them_again(harness: MemoryHarness) -> None:
    put(harness, 0, "created", {"record_id": "r1", "label": "spam", "text": TEXT})
    harness.worker._receipts.turn = lambda *_: None  # type: ignore[method-assign]
    harness.turn(5)
    put(harness, 1, "deleted", {"record_id": "r1"})
    harness.turn(5)
    assert harness.receipts("hidden") == []

    harness.start()
    harness.settle()

    assert {receipt.event_id for receipt in harness.receipts("hidden")} == {"deleted"}
    assert sum(owned.view.number("live") for owned in harness.worker.owned.values()) == 0
    assert wrong_manifests(harness) == []

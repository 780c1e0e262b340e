"""What retention took before it was sent on ends as a dead letter and an unresolved deletion; nothing waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.events.event import Event, encode
from unlearn.events.partitioner import event_key, home


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    """All rows of partition 0 are in files; what comes next is a delete or is not at home there."""
    made = MemoryHarness(redis_url, tmp_path, "linear", partitions=2)
    made.send(*[insert(n, who(0, n)) for n in range(8)])
    for partition in (0, 1):
        made.log.append(made.settings.events_topic, partition, None, encode(SEAL), ())
    made.settle()
    yield made
    made.close()


def who(partition: int, number: int) -> str:
    """A subject at home in the partition."""
    return next(name for i in range(99) if home((name := f"s{number}-{i}").encode(), 2) == partition)


def put(harness: MemoryHarness, event: Event | bytes) -> int:
    """Into partition 0, at home there or not."""
    key, value = (None, event) if isinstance(event, bytes) else (event_key(event), encode(event))
    return harness.log.append(harness.settings.events_topic, 0, key, value, ())


def kept_back(harness: MemoryHarness, step: str, *events: Event | bytes) -> list[int]:
    """The worker applies them, and dies before it takes a step; then retention takes them all."""
    owner, name = step.split(".")
    setattr(getattr(harness.worker, owner), name, lambda *_: None)
    offsets = [put(harness, event) for event in events]
    harness.turn(6)
    assert harness.owned.view.applied == offsets[-1] + 1
    harness.start()
    harness.log.truncate(harness.settings.events_topic, 0, offsets[-1] + 1)
    return offsets


def letters(harness: MemoryHarness) -> dict[int, Any]:
    return {letter["offset"]: letter for letter in harness.dead_letters()}


def test_events_that_retention_took_before_they_were_sent_on_are_unresolved(harness: MemoryHarness) -> None:
    pair, everywhere = delete("r1", who(0, 1)), delete("r2")
    offsets = kept_back(harness, "_outbox.turn", insert(99, who(1, 99)), pair, everywhere, b'{"type":"delete" junk')
    harness.turn(30)

    view = harness.owned.view
    assert sorted(view.unresolved) == sorted(letters(harness)) == offsets
    assert {letter["digest"] for letter in letters(harness).values()} == {None}
    assert (view.outbox, view.pending) == ({}, {})
    assert harness.count("retention_lost") == 3
    # It is done here all the same, but nobody can be told, least of all that it is so everywhere.
    assert harness.receipts() == []
    assert [manifest.applied for _, manifest in harness.manifests() if manifest.partition == 0][-1] == view.applied
    assert view.number("live") == 6
    assert view.unresolved[offsets[1]].deadline > view.unresolved[offsets[1]].since > 0
    assert all(held.deadline >= held.since > 0 for held in view.unresolved.values())


def test_a_deletion_that_retention_took_is_dead_lettered_once(harness: MemoryHarness) -> None:
    kept_back(harness, "_outbox.turn", delete("r1", who(0, 1)))
    harness.turn(30)
    told = len(letters(harness))
    harness.wait(20.0)

    assert len(letters(harness)) == told == 1
    assert len(harness.dead_letters()) == 1


def test_a_hidden_deletion_whose_name_is_gone_is_unresolved(harness: MemoryHarness) -> None:
    (offset,) = kept_back(harness, "_receipts.turn", delete("r1", who(0, 1)))
    assert {receipt.state for receipt in harness.receipts()} == {"accepted"}
    harness.turn(30)

    view = harness.owned.view
    assert (list(view.unresolved), list(letters(harness))) == ([offset], [offset])
    assert (view.outbox, view.pending) == ({}, {})
    assert {receipt.state for receipt in harness.receipts()} == {"accepted"}
    assert harness.count("retention_lost") == 1


def test_an_event_that_the_log_still_has_is_waited_for(harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.worker._outbox.turn = lambda *_: None  # type: ignore[method-assign]
    put(harness, delete("r1", who(0, 1)))
    harness.turn(6)
    harness.start()
    with monkeypatch.context() as patch:
        # A new leader doesn't show its newest records yet.
        patch.setattr("unlearn.forwarding.outbox.records_at", lambda *_: {})
        harness.turn(10)
        assert len(harness.owned.view.outbox) == 1
    harness.turn(30)

    assert harness.owned.view.unresolved == {}
    assert [receipt.state for receipt in harness.receipts()] == ["accepted", "hidden"]

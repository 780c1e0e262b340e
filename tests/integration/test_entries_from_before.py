"""Deletions that an earlier release has begun are ended by this one, and nothing is made up in their receipts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import at, delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.simulate.judging.receipt_checks import check_repeats, told_in

ANN, BOB = at(0, 2), at(0, 2, "b")
FIELDS = {"pending": 4, "cleanups": 3, "outbox": 3}
"""Table -> how many values its entries had, at most."""


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    """Some deletions are applied, and neither answered nor cleaned up."""
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=2)
    made.send(*(insert(number, (ANN, BOB)[number % 2]) for number in range(8)))
    made.settle()
    for step in ("_outbox", "_receipts", "_cleaner"):
        getattr(made.worker, step).turn = lambda *_, **__: None
    made.send(
        delete("r1", BOB, event_id="pair"),
        delete(None, ANN, event_id="subject"),
        delete("r3", event_id="record"),
        b'{"type":"delete","event_id":"undated","subject_id":"x"}',
    )
    made.turn(4)
    yield made
    made.close()


def set_back(harness: MemoryHarness) -> None:
    """As the earlier release would have left it."""
    for partition in (0, 1):
        keys = harness.worker.owned[partition].state.keys
        for table, most in FIELDS.items():
            for field, value in harness.redis.hgetall(keys.of(table)).items():
                harness.redis.hset(keys.of(table), field, json.dumps(json.loads(value)[:most]))
        identity: dict[str, Any] = json.loads(harness.redis.hget(keys.meta, "identity") or b"")
        assert identity["state_layout"] == 5
        harness.redis.hset(keys.meta, "identity", json.dumps(identity | {"state_layout": 2}))


def test_what_an_earlier_release_began_is_ended(harness: MemoryHarness) -> None:
    set_back(harness)

    harness.start()
    harness.settle()

    owned = harness.owned
    assert (owned.view.pending, owned.view.uncounted, owned.view.cleanups) == ({}, {}, {})
    assert json.loads(owned.view.meta["identity"])["state_layout"] == 5
    told = {(one.event_id, one.state): one for one in harness.receipts()}
    assert told.keys() == {
        *((name, state) for name in ("pair", "subject", "record") for state in ("accepted", "hidden")),
        ("undated", "refused"),
    }
    assert {(one.accepted_at, one.records) for one in told.values()} == {(None, None)}
    assert {one.at is not None for one in told.values() if one.state == "hidden"} == {True}
    assert {one.at for one in told.values() if one.state != "hidden"} == {None}
    assert {one.met for one in told.values() if one.state == "hidden"} == {True}
    assert told["undated", "refused"].deadline is None
    assert all(one.deadline for name, one in told.items() if name[0] != "undated")


def test_what_this_release_began_is_ended_by_another_owner_with_all_that_it_knew(harness: MemoryHarness) -> None:
    harness.start()
    harness.settle()

    assert harness.counts_told() == harness.counts_due() == {"pair": 1, "subject": 4, "record": 1}
    values = [told_in(record.value) for record in harness.log.read(harness.settings.receipts_topic, 0, 0, 99)]
    check_repeats(values, steady=True)
    assert all(receipt.at for _, receipt in values)

"""Inserts read by columns and one by one leave the same behind: in Redis, in the store and on every topic."""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace
from typing import Any, Literal

import pytest

from unlearn.ingest.read_columns import ColumnReader, Reading
from unlearn.log.columns import RecordColumns
from unlearn.log.protocol import Record
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.simulate.cluster import World
from unlearn.simulate.history import Action, shape_of
from unlearn.simulate.judging.oracle import Verdict
from unlearn.simulate.script import Script, busy_script, spread_script, unruly_script

LEARNERS = ("naive-bayes", "linear", "forest")
Way = Literal["fast", "plain"]
WAYS: tuple[Way, ...] = ("fast", "plain")
SEEDS = int(os.environ.get("UNLEARN_TESTS_SOAK", "0")) or 18
_OF_THE_LOG = (b"cluster_id", b"topic_id")
"""What `meta` says of the log itself, which is another one in each world."""


def script(seed: int) -> Script:
    return (spread_script, spread_script, spread_script, busy_script, unruly_script)[seed % 5](seed)


def steps(seed: int, messages: int) -> list[Action]:
    """Messages come and are read in parts of any size; nothing fails."""
    chance = random.Random(f"steps {seed}")
    actions: list[Action] = []
    for _ in range(2 + messages // 12):
        actions.append(("feed", chance.choice((1, 7, 30))))
        actions += [("turn", 0, chance.choice((1, 2, 5, 50)))] * chance.randint(0, 3)
        actions.append(("wait", chance.choice((0.0, 0.3, 1.5))))
    return actions


def everything(world: World) -> dict[str, Any]:
    """What anybody can see of the model."""
    client, settings, log = world.redis, world.settings, world.log
    keys = sorted(client.scan_iter(match=f"{{{settings.model}:*", count=1000))
    held = {key: _hash(client, key) if client.type(key) == b"hash" else client.get(key) for key in keys}
    topics = (
        settings.events_topic,
        settings.results_topic,
        settings.receipts_topic,
        settings.dead_letters_topic,
        settings.history_topic,
    )
    records = {
        (topic, partition): [_seen(record) for record in log.read(topic, partition, 0, end)]
        for topic in topics
        for partition, (_, end) in log.bounds(topic).items()
    }
    counters = sum((owned.counters for member in world.members for owned in member.worker.owned.values()), Counter())
    return {"redis": held, "store": world.store.files, "topics": records, "counters": dict(counters)}


def _hash(client: Any, key: bytes) -> dict[bytes, bytes]:
    return {field: value for field, value in client.hgetall(key).items() if field not in _OF_THE_LOG}


def _seen(record: Record) -> tuple[object, ...]:
    return record.offset, record.key, record.value, record.headers, record.timestamp


def left_behind(seed: int, way: Way, redis_url: str) -> dict[str, Any]:
    """What a world leaves behind."""
    sent = script(seed)
    shape = replace(shape_of(seed), workers=1)
    learner = LEARNERS[seed % len(LEARNERS)]
    world = World(sent, shape, learner, redis_url, name=f"ways-{seed}", seed=seed, ingest=way)
    try:
        for action in steps(seed, len(sent.messages)):
            world.act(action)
        world.drain()
        Verdict(world).check()
        return everything(world)
    finally:
        world.close()


def test_both_ways_leave_the_same_behind(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()
    of_before = ColumnReader.read

    def counted(self: ColumnReader, owned: ClaimedPartition, records: RecordColumns) -> Reading:
        found = of_before(self, owned, records)
        read.update(columns=len(found.rows), items=len(found.items), mixed=bool(len(found.rows) and found.items))
        read.update(dead=len(found.dead_on_arrival.records))
        return found

    monkeypatch.setattr(ColumnReader, "read", counted)
    for seed in range(SEEDS):
        by_columns, one_by_one = (left_behind(seed, way, redis_url) for way in WAYS)
        for kind, held in one_by_one.items():
            assert by_columns[kind] == held, (seed, kind)
    assert min(read["columns"], read["items"], read["mixed"]) > 5 * SEEDS
    assert read["dead"] > SEEDS

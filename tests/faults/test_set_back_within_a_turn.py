"""Redis goes back in time while a worker is in the middle of a turn, between any two of its calls."""

from __future__ import annotations

from functools import partial

from unlearn.events.event import Delete, Insert, encode
from unlearn.events.partitioner import home
from unlearn.simulate.cluster import World
from unlearn.simulate.history import Shape
from unlearn.simulate.judging.oracle import Verdict
from unlearn.simulate.script import Message, Script

SHAPE = Shape(5, 1, 4, "auto", 0.0, 0.0, workers=1)
MOST = 1000
PARTITIONS = 2


def killed_by_a_copy() -> Script:
    """A row, and a deletion of its record that is read in the other partition, so that only its copy kills anything."""
    row = Insert(event_id="e", record_id="r", subject_id="s", label="spam", text="free")
    gone = Delete(event_id="d", record_id="r", requested_at="2023-01-01")
    at = home(b"s", PARTITIONS)
    messages = Message(at, b"s", encode(row)), Message(1 - at, b"r", encode(gone))
    return Script(PARTITIONS, PARTITIONS, True, messages)


def until_told(redis_url: str, turns: int) -> World:
    """A world after so many turns, the next of which sends the deletion's `hidden` receipt; Redis is remembered."""
    world = World(killed_by_a_copy(), SHAPE, "naive-bayes", redis_url)
    world.feed(2)
    for _ in range(turns):
        world.turn(0, 50)
        world.wait(0.6)
    world.snapshot()
    return world


def _turns_before(redis_url: str) -> int:
    world = World(killed_by_a_copy(), SHAPE, "naive-bayes", redis_url)
    try:
        world.feed(2)
        for turns in range(100):
            world.turn(0, 50)
            world.wait(0.6)
            if _hidden(world):
                return turns
    finally:
        world.close()
    raise AssertionError("it was never told")


def _hidden(world: World) -> int:
    receipts = world.log.read(world.settings.receipts_topic, 0, 0, MOST)
    return sum(b'"state":"hidden"' in (record.value or b"") for record in receipts)


def test_a_count_is_told_again_wherever_redis_was_set_back(redis_url: str) -> None:
    told, turns = [], _turns_before(redis_url)
    for calls in range(MOST):
        world = until_told(redis_url, turns)
        try:
            world.place.fuse.arm(calls, after=True, meanwhile=partial(world.roll_back, 0))
            world.turn(0, 50)
            if not world.counts["roll backs"]:
                break
            world.drain()
            Verdict(world).check()
            told.append(_hidden(world))
        finally:
            world.close()
    assert max(told) == 2, "once before Redis was set back, and once behind"


def test_a_claim_is_tried_again_wherever_redis_lost_all_it_held(redis_url: str) -> None:
    for calls in range(MOST):
        world = World(killed_by_a_copy(), SHAPE, "naive-bayes", redis_url)
        try:
            world.feed(2)
            world.place.fuse.arm(calls, after=True, meanwhile=partial(world.roll_back, 0))
            world.turn(0, 50)
            world.place.fuse.disarm()
            if not world.counts["roll backs"]:
                break
            world.drain()
            Verdict(world).check()
        finally:
            world.close()
    assert calls > 0

"""Of a partition to which no event comes any more, all is erased that was deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from unlearn.events.event import Delete, Event, Insert, Seal
from unlearn.simulate.cluster import World
from unlearn.simulate.history import Shape
from unlearn.simulate.judging.oracle import Verdict
from unlearn.simulate.script import Script, at_home
from unlearn.storage.artefacts import read_name


def insert(number: int, subject: str) -> Insert:
    return Insert(event_id=f"e{number}", record_id=f"r{number}", subject_id=subject, label="ham", text=f"word {number}")


def delete(subject: str) -> Delete:
    return Delete(event_id=f"d{subject}", subject_id=subject, requested_at="2023-01-01")


@contextmanager
def world_of(redis_url: str, learner: str, *events: Event, slice_span: int = 4) -> Iterator[World]:
    """One partition of one shard, and one worker; garbage is kept for seconds."""
    script = Script(1, 1, True, tuple(at_home(event, 1, 0) for event in events))
    shape = Shape(slice_span, 1, 2, "auto", 0.0, 0.0, 1, erase_after=0.0, tail_every=60.0, garbage_grace=2.0)
    world = World(script, shape, learner, redis_url, name=f"erased-{learner}", seed=1)
    try:
        yield world
    finally:
        world.close()


def rest(world: World, rounds: int) -> None:
    for _ in range(rounds):
        world.wait(10.0)
        world.work(0)
        world.turn(0, 50)


def applied_of(world: World) -> list[int]:
    """The `applied` in the names of the slice files in the store."""
    artefacts = (read_name(name) for name, *_ in world.store.names("0/"))
    return sorted(one.applied for one in artefacts if one is not None and one.kind == "slice")


def test_a_tail_goes_once_its_rows_are_in_files_though_no_event_comes(redis_url: str) -> None:
    """It was written in the turn that applied the last events, when the rows of their slice were still open."""
    events: list[Event] = [insert(0, "ann"), insert(1, "bob"), delete("ann"), Seal()]
    with world_of(redis_url, "naive-bayes", *events, slice_span=25) as world:
        world.turn(0, 50)
        world.wait(61.0)
        world.feed(4)
        world.turn(0, 50)
        assert world.members[0].worker.owned[0].tailing or world.members[0].worker.owned[0].view.meta.get("tail")

        world.drain()
        world.erase()

        Verdict(world).check_erased()
        assert not any("/tail/" in name for name, *_ in world.store.names("0/"))


@pytest.mark.parametrize("learner", ["naive-bayes", "linear"])
def test_what_was_filed_before_redis_was_lost_goes(redis_url: str, learner: str) -> None:
    """The files in use were made anew while an old clean-up was open, so those from before have later names."""
    events: list[Event] = [insert(number, "bob") for number in range(16)]
    events[0], events[9] = insert(0, "ann"), insert(9, "cid")
    events[2], events[11] = delete("ann"), delete("cid")
    with world_of(redis_url, learner, *events) as world:
        for _ in range(8):
            world.feed(2)
            rest(world, 4)
        world.drain()
        world.erase()
        before = applied_of(world)

        world.roll_back(100)
        world.drain()
        world.erase()

        verdict = Verdict(world)
        verdict.check()
        verdict.check_erased()
        assert world.counts["rebuilds"] > 0
        assert len(applied_of(world)) == len(before), "none is kept twice"

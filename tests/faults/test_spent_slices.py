"""Entries of slices of which nothing is left go, whatever crashes then, comes late, or sets Redis back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.test_crash_points import CALM, Names
from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.events.event import Delete, Event, Insert, encode
from unlearn.events.partitioner import event_key
from unlearn.simulate.cluster import World
from unlearn.simulate.history import Shape
from unlearn.simulate.judging.oracle import Verdict
from unlearn.simulate.run import LEARNERS
from unlearn.simulate.script import Message, Script
from unlearn.storage.artefacts import Artefact, artefact_name

SHAPE = Shape(4, 2, 1, "auto", 0.0, 0.0, 1, erase_after=0.0, garbage_grace=2.0)
NAME = "_forget_slices"


def row(number: int) -> Insert:
    return Insert(event_id=f"e{number}", record_id=f"r{number}", label="ham", text=f"tea {number}")


def gone(number: int) -> Delete:
    return Delete(event_id=f"d{number}", record_id=f"r{number}", requested_at="2023-01-01")


EVENTS: list[Event] = [
    *map(row, range(24)),
    *map(gone, [*range(4, 8), *range(12, 16), 17, 2]),
    *map(row, range(30, 36)),
    *map(gone, [*range(8, 12), 16, 0]),
    *map(row, range(40, 46)),
]
"""Whole slices die between others that lose a row, and have holes meanwhile."""
PARTS = (24, 10, 6, 6, 6)


def script(events: Sequence[Event]) -> Script:
    return Script(1, 1, False, tuple(Message(0, event_key(event), encode(event)) for event in events))


class Lived(NamedTuple):
    states: object
    calls: list[str]
    counts: Counter[str]


def live(world: World) -> None:
    for count in PARTS:
        world.feed(count)
        for _ in range(8):
            world.turn(0, 50)
            world.wait(1.1)
        world.snapshot()


def lived(redis_url: str, learner: str, n: int = CALM, *, after: bool = False) -> Lived:
    world = World(script(EVENTS), SHAPE, learner, redis_url)
    names = Names(world.place.fuse)
    try:
        world.fuse(n, after, 0)
        live(world)
        made = list(names.made)
        world.drain()
        verdict = Verdict(world)
        verdict.check()
        return Lived(verdict.states(), made, world.counts)
    finally:
        world.close()


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_crash_before_or_after_their_removal_changes_nothing(redis_url: str, learner: str) -> None:
    undisturbed = lived(redis_url, learner)
    assert undisturbed.counts["slices_forgotten"] > 3
    places = [n for n, name in enumerate(undisturbed.calls) if NAME in name]
    assert len(places) > 1
    for n in places:
        for after in (False, True):
            crashed = lived(redis_url, learner, n, after=after)
            assert (crashed.counts["crashes"], crashed.states) == (1, undisturbed.states), (n, after)


@pytest.mark.parametrize("learner", LEARNERS)
def test_an_end_stays_while_rows_behind_it_die(redis_url: str, learner: str) -> None:
    """One dies each turn, so that there is a hole whenever the entry could go. Mutation: holes keep no end."""
    events: list[Event] = [*map(row, range(40)), *map(gone, [*range(8, 16), *range(16, 23)]), *map(row, range(50, 52))]
    world = World(script(events), replace(SHAPE, slice_span=8, shards=1), learner, redis_url)
    try:
        for count, turns in ((40, 8), (8, 3), *[(1, 1)] * 7):
            world.feed(count)
            for _ in range(turns):
                world.turn(0, 50)
                world.wait(1.1)
        view = world.members[0].worker.owned[0].view
        assert view.slices[0, 16].file == ""
        assert view.slices[0, 24].live == 1
        world.drain()
        Verdict(world).check()
        for _ in range(10):
            world.wait(5.0)
            world.turn(0, 50)
        assert (0, 16) not in world.members[0].worker.owned[0].view.slices
        Verdict(world).check()
    finally:
        world.close()


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("age", [0, 1, 2])
def test_entries_that_come_back_with_an_earlier_redis_go_again(redis_url: str, learner: str, age: int) -> None:
    world = World(script(EVENTS), SHAPE, learner, redis_url)
    try:
        live(world)
        kept = len(world.members[0].worker.owned[0].view.slices)
        world.roll_back(age)
        world.drain()
        for _ in range(20):
            world.wait(5.0)
            world.turn(0, 50)
        world.drain()
        Verdict(world).check()
        assert len(world.members[0].worker.owned[0].view.slices) <= kept
    finally:
        world.close()


# -- what comes late


@pytest.fixture
def harness(store_kind: str, redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    """Three slices with rows, and a state; then the second one dies, and its entry goes."""
    found = MemoryHarness(
        redis_url, tmp_path, "linear", shards_per_partition=1, garbage_grace=20.0, erase_after=1.0, checkpoints=1
    )
    for first in (0, 6, 12):
        found.send(*[insert(n) for n in range(first, first + 6)], SEAL)
        found.settle()
    found.wait(30.0)
    assert len(found.owned.view.slices) == 3
    found.send(*[delete(f"r{n}") for n in range(6, 12)])
    found.settle()
    found.wait(120.0)
    yield found
    found.close()


def test_a_file_that_comes_behind_its_slices_entry_is_garbage(harness: MemoryHarness) -> None:
    """An owner of before may write it, long after. Mutation: the newest file of every slice stays."""
    ends = [end for _, end in harness.owned.view.slices]
    assert len(ends) == 2
    late = artefact_name(Artefact(0, 0, "slice", ends[0] + 7, 3), "1-aaaaaaaa-1", b"late")
    harness.store.put(late, b"late")
    harness.wait(120.0)

    assert late not in {name for name, *_ in harness.store.names("")}
    harness.send(insert(20), SEAL)
    harness.settle()
    harness.wait(120.0)
    assert harness.owned.erased_through == harness.owned.view.applied
    assert harness.verify_store().verdict == "equal"


def test_rows_behind_a_slice_that_is_gone_die_as_before(harness: MemoryHarness) -> None:
    harness.send(delete("r13"), delete("r1"))
    harness.settle()
    assert harness.verify().verdict == harness.verify_store().verdict == "equal"
    harness.start()
    harness.send(delete("r14"), insert(30), SEAL)
    harness.settle()
    harness.wait(120.0)
    assert harness.owned.view.number("live") == 10
    assert harness.verify().verdict == harness.verify_store().verdict == "equal"

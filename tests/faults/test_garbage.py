"""Files go a grace after their last use; Redis' append-only file is written anew soon after what was erased."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.simulate.fault_injection import Later
from unlearn.state.scripts import PartitionState

GRACE, LOOKS_EVERY = 20.0, 10.0
MakeSite = Callable[..., MemoryHarness]


@pytest.fixture
def make_site(store_kind: str, redis_url: str, tmp_path: Path) -> Iterator[MakeSite]:
    made: list[MemoryHarness] = []

    def make(**changed: float) -> MemoryHarness:
        """Twelve rows in two slices, published long ago."""
        harness = MemoryHarness(
            redis_url, tmp_path, "linear", shards_per_partition=1, **({"garbage_grace": GRACE} | changed)
        )
        made.append(harness)
        for first in (0, 6):
            harness.send(*[insert(n) for n in range(first, first + 6)], SEAL)
            harness.settle()
        harness.wait(5 * GRACE)
        return harness

    yield make
    for harness in made:
        harness.close()


def replaced(harness: MemoryHarness) -> set[str]:
    """Files that were in use until a moment ago."""
    before = {name for name, *_ in harness.store.names("")}
    harness.send(delete("r1"))
    harness.settle()
    harness.wait(1.0)
    in_use = {state.file for state in harness.owned.view.states.values()}
    in_use |= {held.file for held in harness.owned.view.slices.values() if held.file}
    gone = {name for name in before - in_use if "/tail/" not in name}
    assert {name.split("/")[2] for name in gone} == {"slice", "state"}
    return gone


def test_a_file_stays_a_grace_after_the_last_look_that_found_it_in_use(make_site: MakeSite) -> None:
    harness = make_site()
    files = replaced(harness)
    harness.wait(GRACE - LOOKS_EVERY - 3.0)
    assert files <= {name for name, *_ in harness.store.names("")}

    harness.wait(GRACE + LOOKS_EVERY)
    assert files & {name for name, *_ in harness.store.names("")} == set()
    assert harness.verify().verdict == "equal"


def test_files_go_though_a_tail_is_always_begun_as_they_are_looked_for(make_site: MakeSite) -> None:
    harness = make_site(tail_every=LOOKS_EVERY)
    files = replaced(harness)
    later = Later()
    later.late = True
    harness.worker._tailer._io = later

    for n in range(20, 32):
        # As a tail is written only of rows that are new, one comes before each look.
        harness.send(insert(n))
        harness.now += LOOKS_EVERY
        harness.turn()
        later.work()
        harness.turn()

    assert files & {name for name, *_ in harness.store.names("")} == set()


def test_a_new_owner_counts_from_its_claim(make_site: MakeSite) -> None:
    harness = make_site()
    files = replaced(harness)
    harness.start()
    harness.wait(GRACE - 1.0)
    assert files <= {name for name, *_ in harness.store.names("")}

    harness.wait(2 * GRACE)
    assert files & {name for name, *_ in harness.store.names("")} == set()


def test_erasing_reaches_the_append_only_file_at_once_and_then_at_most_so_often(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    harness = make_site(aof_rewrite_every=1000.0)
    done = harness.count("aof_rewrites")
    assert done <= 1
    refusals = 1

    def rewrite(_: PartitionState) -> bool:
        asked.append(harness.now)
        return len(asked) > refusals

    monkeypatch.setattr(PartitionState, "rewrite_aof", rewrite)
    harness.start()
    harness.send(delete("r1"))
    harness.wait(100.0)
    assert len(asked) == 2, "what Redis refused is asked again at the next look"
    harness.send(delete("r2"))
    harness.wait(100.0)
    assert len(asked) == 2
    harness.wait(1000.0)
    assert len(asked) == 3

"""Record ids that very many subjects use: what an event about one of them costs Redis, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.settings import SECRET
from tests.harness.worker_harness import WorkerHarness
from unlearn.events.partitioner import Digests, tag_of
from unlearn.state.entries import Entry, Pair, decode_entry, encode_entry
from unlearn.state.members import name_of
from unlearn.state.scripts import PartitionState, _pack, read_without_token

SUBJECTS = 3000
COUNT = 100


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[WorkerHarness]:
    made = WorkerHarness(redis_url, tmp_path, partitions=1, slice_span=10_000)
    yield made
    made.close()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each script's writes, as they travel and as the append-only file keeps them."""
    found: list[int] = []
    commit = PartitionState.commit

    def counting(self: PartitionState, token: Any, applied: int, writes: int, ops: Any, *more: Any) -> None:
        found.append(len(_pack(ops)))
        assert max((len(op) for op in ops), default=0) <= 2002
        commit(self, token, applied, writes, ops, *more)

    monkeypatch.setattr(PartitionState, "commit", counting)
    return found


def share(harness: WorkerHarness, count: int = SUBJECTS) -> None:
    """One record id under so many subjects."""
    for i in range(count):
        harness.insert("1", f"s{i}")
    harness.apply()


def test_an_event_costs_what_it_changes(harness: WorkerHarness, sizes: list[int]) -> None:
    share(harness)
    sizes.clear()

    for i in range(COUNT):
        harness.insert("1", f"s{i}", revision=1)
        harness.delete("1", f"s{COUNT + i}")
        harness.insert("1", f"new{i}")
        harness.apply()

    assert sum(sizes) / COUNT < 5000
    assert [found.state for found in harness.lookup().records_of(["1"], "s5")] == ["member"]
    assert [found.state for found in harness.lookup().records_of(["1"], f"s{COUNT + 5}")] == ["forgotten"]
    assert [found.state for found in harness.lookup().records_of(["1"], "new5")] == ["member"]
    assert len(harness.lookup().records(["1"])[0]) == SUBJECTS + COUNT


def test_a_subjects_clean_up_costs_what_it_changes(harness: WorkerHarness, sizes: list[int]) -> None:
    share(harness)
    sizes.clear()

    for i in range(20):
        harness.delete(subject=f"s{i}")
        harness.apply()

    assert sum(sizes) / 20 < 5000
    states = [place.state for place in harness.lookup().records(["1"])[0]]
    assert states.count("forgotten") == 20
    assert states.count("member") == SUBJECTS - 20


def test_a_deletion_under_every_subject_writes_all_pairs_once(harness: WorkerHarness, sizes: list[int]) -> None:
    share(harness)
    sizes.clear()
    harness.delete("1")
    harness.apply()
    once = sum(sizes)
    sizes.clear()

    for _ in range(10):
        harness.delete("1")
        harness.apply()
    harness.insert("1", "s1", revision=9)
    harness.apply()

    assert sum(sizes) / 11 < once / 20
    owned = harness.worker.owned[0]
    assert (owned.view.number("live"), owned.view.number("holes")) == (0, SUBJECTS)
    assert {place.state for place in harness.lookup().records(["1"])[0]} == {"forgotten"}


def test_a_deletion_of_a_revision_under_every_subject_spares_higher_ones(harness: WorkerHarness) -> None:
    share(harness)
    for i in range(10):
        harness.insert("1", f"s{i}", revision=2)
    harness.delete("1", revision=1)
    harness.apply()

    states = [place.state for place in harness.lookup().records(["1"])[0]]

    assert (states.count("member"), len(states)) == (10, SUBJECTS)


def test_an_entry_of_before_is_taken_apart_when_it_is_next_written(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    with monkeypatch.context() as before:
        before.setattr(harness.worker._intake, "_most_pairs", SUBJECTS)
        share(harness)
    assert len(stored(harness)) > 10 * SUBJECTS

    harness.delete("1", "s7")
    harness.apply()
    sizes.clear()
    harness.delete("1", "s8")
    harness.apply()

    assert len(stored(harness)) < 10
    assert sum(sizes) < 5000
    states = [place.state for place in harness.lookup().records(["1"])[0]]
    assert (states.count("member"), states.count("forgotten")) == (SUBJECTS - 2, 2)


def test_a_few_subjects_share_one_entry_as_ever(harness: WorkerHarness) -> None:
    share(harness, 64)

    digests = Digests(SECRET.encode())
    tags = [tag_of(digests.subject(f"s{i}")) for i in range(64)]
    content = decode_entry(stored(harness)).pairs[tags[0]].content
    assert stored(harness) == encode_entry(Entry(-1, {tag: Pair(i, 0, content) for i, tag in enumerate(tags)}))
    assert harness.client.keys(f"{{{harness.settings.model}:*:p:*") == []


def stored(harness: WorkerHarness) -> bytes:
    name = name_of(Digests(SECRET.encode()).record("1"))
    found = read_without_token(harness.client, harness.worker.owned[0].state.keys, [("RECORDS.GET", name)])[0][0]
    return bytes(found)

"""Record ids that very many subjects use: what an event about one of them costs Redis, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.scene import SECRET, Scene
from unlearn.events.partitioner import Digests, bucket_and_field, tag_of
from unlearn.state import lookups
from unlearn.state.entries import Entry, Pair, decode_entry, encode_entry
from unlearn.state.scripts import PartitionState, _pack

SUBJECTS = 3000
COUNT = 100


@pytest.fixture
def scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(redis_url, tmp_path, partitions=1, slice_span=10_000)
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


def share(scene: Scene, count: int = SUBJECTS) -> None:
    """One record id under so many subjects."""
    for i in range(count):
        scene.insert("1", f"s{i}")
    scene.apply()


def test_an_event_costs_what_it_changes(scene: Scene, sizes: list[int]) -> None:
    share(scene)
    sizes.clear()

    for i in range(COUNT):
        scene.insert("1", f"s{i}", revision=1)
        scene.delete("1", f"s{COUNT + i}")
        scene.insert("1", f"new{i}")
        scene.apply()

    assert sum(sizes) / COUNT < 5000
    assert [found.state for found in scene.lookup().records_of(["1"], "s5")] == ["member"]
    assert [found.state for found in scene.lookup().records_of(["1"], f"s{COUNT + 5}")] == ["forgotten"]
    assert [found.state for found in scene.lookup().records_of(["1"], "new5")] == ["member"]
    assert len(scene.lookup().records(["1"])[0]) == SUBJECTS + COUNT


def test_a_subjects_clean_up_costs_what_it_changes(scene: Scene, sizes: list[int]) -> None:
    share(scene)
    sizes.clear()

    for i in range(20):
        scene.delete(subject=f"s{i}")
        scene.apply()

    assert sum(sizes) / 20 < 5000
    states = [place.state for place in scene.lookup().records(["1"])[0]]
    assert states.count("forgotten") == 20
    assert states.count("member") == SUBJECTS - 20


def test_a_deletion_under_every_subject_writes_all_pairs_once(scene: Scene, sizes: list[int]) -> None:
    share(scene)
    sizes.clear()
    scene.delete("1")
    scene.apply()
    once = sum(sizes)
    sizes.clear()

    for _ in range(10):
        scene.delete("1")
        scene.apply()
    scene.insert("1", "s1", revision=9)
    scene.apply()

    assert sum(sizes) / 11 < once / 20
    owned = scene.worker.owned[0]
    assert (owned.view.number("live"), owned.view.number("holes")) == (0, SUBJECTS)
    assert {place.state for place in scene.lookup().records(["1"])[0]} == {"forgotten"}


def test_a_deletion_of_a_revision_under_every_subject_spares_higher_ones(scene: Scene) -> None:
    share(scene)
    for i in range(10):
        scene.insert("1", f"s{i}", revision=2)
    scene.delete("1", revision=1)
    scene.apply()

    states = [place.state for place in scene.lookup().records(["1"])[0]]

    assert (states.count("member"), len(states)) == (10, SUBJECTS)


def test_an_entry_of_before_is_taken_apart_when_it_is_next_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    with monkeypatch.context() as before:
        before.setattr(lookups, "_MOST_PAIRS", SUBJECTS)
        share(scene)
    assert len(stored(scene)) > 10 * SUBJECTS

    scene.delete("1", "s7")
    scene.apply()
    sizes.clear()
    scene.delete("1", "s8")
    scene.apply()

    assert len(stored(scene)) < 10
    assert sum(sizes) < 5000
    states = [place.state for place in scene.lookup().records(["1"])[0]]
    assert (states.count("member"), states.count("forgotten")) == (SUBJECTS - 2, 2)


def test_a_few_subjects_share_one_entry_as_ever(scene: Scene) -> None:
    share(scene, 64)

    digests = Digests(SECRET.encode())
    tags = [tag_of(digests.subject(f"s{i}")) for i in range(64)]
    content = decode_entry(stored(scene)).pairs[tags[0]].content
    assert stored(scene) == encode_entry(Entry(-1, {tag: Pair(i, 0, content) for i, tag in enumerate(tags)}))
    assert scene.client.keys(f"{{{scene.settings.model}:*:p:*") == []


def stored(scene: Scene) -> bytes:
    bucket, field = bucket_and_field(Digests(SECRET.encode()).record("1"))
    found: Any = scene.client.hget(scene.worker.owned[0].state.keys.record(bucket), field)
    return bytes(found)

"""What copies of deletions kill in other partitions comes to be told, or is told to be unknown."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from unlearn.partition.receipts.copy_kills import note_copy_kills
from unlearn.partition.receipts.pending import LATER, Pending
from unlearn.partition.tables import Change, Tables
from unlearn.publishing.copy_counts import CopyCounts, counted
from unlearn.state.copies import Copy
from unlearn.state.copy_kills import NO_OFFSET, CopyKills, parse_copy_kills, read_copy_kills
from unlearn.state.keys import Keys
from unlearn.state.scripts import PartitionState, Token

COPIED = Pending(0, 9, {"1": 40, "2": 50}, killed=3, version=7)
WAITING = {5: COPIED}
TOKEN = Token(1, "a" * 32)


class Partition:
    """Another partition, as its owner keeps it in Redis."""

    def __init__(self, client: redis.Redis, model: str, number: int) -> None:
        self.client: Any = client
        self.state = PartitionState(client, Keys(model, number))
        self.view = Tables({})
        self.applied, self.writes = 0, 0
        self.state.claim(TOKEN, {"applied": 0, "writes": 0})

    def apply(self, applied: int, counts: dict[Copy, int], most: int = 100) -> None:
        change = Change()
        note_copy_kills(change, self.view, self.state.keys, counts, most)
        ops = change.commands(self.state.keys.of)
        self.state.commit(TOKEN, self.applied, self.writes, ops, applied)
        self.applied, self.writes = applied, self.writes + 1
        self.view.apply(change, applied)

    def counts(self, *originals: tuple[int, int]) -> CopyKills:
        return parse_copy_kills(originals, self.state.look(read_copy_kills(self.state.keys, originals)))


@pytest.fixture
def others(redis_url: str, make_settings: Any) -> Any:
    client = redis.Redis.from_url(redis_url)
    model = make_settings().model
    found = {number: Partition(client, model, number) for number in (1, 2)}
    yield found
    for key in client.scan_iter(f"{{{model}:*"):
        client.delete(key)
    client.close()


def test_the_count_is_the_sum_over_all_partitions(others: dict[int, Partition]) -> None:
    counts = CopyCounts(lambda partition: others[partition].state)
    others[1].apply(41, {Copy((0, 5), 40): 2, Copy((0, 6), 39): 9})
    assert counts.of(0, WAITING) == {}, "partition 2 has not come so far"

    others[2].apply(51, {})

    assert counts.of(0, WAITING) == {5: COPIED._replace(records=5)}
    assert counts.of(3, WAITING) == {5: COPIED._replace(records=3)}, "another partition's deletion at this offset"


def test_what_was_told_is_removed_and_nothing_else(others: dict[int, Partition]) -> None:
    counts = CopyCounts(lambda partition: others[partition].state)
    others[1].apply(41, {Copy((0, 5), 40): 2, Copy((0, 6), 39): 9})

    for op in counts.removals(0, {5: COPIED._replace(records=5)}):
        others[1].client.execute_command(*op)

    assert others[1].counts((0, 5), (0, 6)).counts == {(0, 6): {39: 9}}


def test_what_nobody_asks_for_is_dropped_and_then_unknown(others: dict[int, Partition]) -> None:
    """Two hashes of three counts: the seventh count drops the first three."""
    for number in range(7):
        others[1].apply(41 + number, {Copy((0, number), 40 + number): 1}, most=3)

    found = others[1].counts(*((0, number) for number in range(7)))

    assert found.counts == {(0, number): {40 + number: 1} for number in range(3, 7)}
    # The fourth was the first of the second hash, and nothing from there on was dropped.
    assert found.kept_from == 43
    dropped, kept = COPIED._replace(copies={"1": 40}), COPIED._replace(copies={"1": 43})
    assert counted(dropped, (0, 0), {1: found}) == dropped._replace(killed=None)
    assert not counted(dropped, (0, 0), {1: found}).awaits_count
    assert counted(kept, (0, 3), {1: found}) == kept._replace(records=4)
    assert counted(kept, (0, 99), {1: found}) == kept._replace(records=3), "a copy that killed nothing"


@pytest.mark.parametrize("applied", [0, 40])
def test_nothing_is_known_of_a_copy_that_is_not_applied_yet(applied: int) -> None:
    """After Redis was set back, though a manifest covers it."""
    found = {1: CopyKills(applied, 0, {(0, 5): {40: 2}}), 2: CopyKills(99, 0, {})}

    assert counted(COPIED, (0, 5), found) == COPIED


def test_each_copy_of_a_deletion_counts_in_whatever_batch_it_comes(others: dict[int, Partition]) -> None:
    """Behind a lift, the copy that another model sent kills what was taken again."""
    counts = CopyCounts(lambda partition: others[partition].state)
    others[1].apply(41, {Copy((0, 5), 40): 2})
    others[1].apply(45, {Copy((0, 5), 44): 3})
    others[2].apply(51, {Copy((0, 5), 48): 1, Copy((0, 5), 50): 4})

    assert counts.of(0, WAITING) == {5: COPIED._replace(records=3 + 2 + 3 + 1 + 4)}


def test_copies_that_are_counted_later_are_waited_for_one_by_one(others: dict[int, Partition]) -> None:
    counts = CopyCounts(lambda partition: others[partition].state)
    others[1].apply(41, {Copy((0, 5), 38): LATER, Copy((0, 5), 40): LATER})
    others[2].apply(51, {})
    assert counts.of(0, WAITING) == {}
    others[1].apply(42, {Copy((0, 5), 40): 6})
    assert counts.of(0, WAITING) == {}

    others[1].apply(43, {Copy((0, 5), 38): 0})

    assert counts.of(0, WAITING) == {5: COPIED._replace(records=9)}


def test_the_newer_hash_counts_where_both_tell_of_a_copy(others: dict[int, Partition]) -> None:
    for killed in range(LATER, 4):
        others[1].apply(41 + killed, {Copy((0, 5), 40): killed}, most=1)

        assert others[1].counts((0, 5)).counts == {(0, 5): {40: killed}}


@pytest.mark.parametrize(("noted", "settled"), [("7", 7 + 2), ("-1", 2)])
def test_one_number_of_all_copies_is_of_an_earlier_release(
    others: dict[int, Partition], noted: str, settled: int
) -> None:
    others[1].client.hset(others[1].state.keys.copy_kills(0), "0:5", noted)
    assert others[1].counts((0, 5)).counts == {(0, 5): {NO_OFFSET: int(noted)}}

    others[1].apply(41, {Copy((0, 5), 40): 2})

    assert sum(others[1].counts((0, 5)).counts[0, 5].values()) == settled

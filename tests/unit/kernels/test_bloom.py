"""The filter of known ids misses none, and takes few unknown ones for known."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from unlearn.events.partitioner import digests_of
from unlearn.ingest.known_ids import KnownIds
from unlearn.kernels import bloom
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import Tables


class Members:
    """Stands for an owner's Redis: its fields, a few a call."""

    def __init__(self, records: list[bytes], subjects: list[tuple[bytes, bool]]) -> None:
        self.view = Tables({"meta": {b"record_count": str(len(records)).encode()}})
        self._held = {
            "RECORDS": [digest[2:12] for digest in records],
            "SUBJECTS": [digest[2:12] + (b"T" if dead else b"L") for digest, dead in subjects],
        }
        self.asked = 0

    def fields(self, members: str, place: int, most: int) -> tuple[int, bytes]:
        self.asked += 1
        held = self._held[members][place : place + 7]
        return (place + 7 if place + 7 < len(self._held[members]) else -1), b"".join(held)


def digests(chance: random.Random, count: int) -> list[bytes]:
    return [chance.randbytes(16) for _ in range(count)]


def filled(ids: KnownIds, members: Members) -> KnownIds:
    owned: ClaimedPartition = members  # type: ignore[assignment]
    while ids._filters is None or ids._walk is not None:
        ids.turn(owned, 1 << 20)
    return ids


def known(ids: KnownIds, records: list[bytes]) -> NDArray[np.bool_]:
    return ids.may_know(digests_of(records))


def test_before_it_is_filled_everything_may_be_known() -> None:
    ids, chance = KnownIds(), random.Random(1)
    assert known(ids, digests(chance, 5)).all()
    assert ids.may_be_dead(digests_of(digests(chance, 5))).all()


@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 100])
def test_what_redis_held_and_what_was_written_since_is_known(count: int) -> None:
    chance = random.Random(count)
    before, during, after = digests(chance, count), digests(chance, 3), digests(chance, 50)
    subjects = [(digest, chance.random() < 0.5) for digest in digests(chance, count)]
    ids, members = KnownIds(), Members(before, subjects)
    ids.turn(members, 1 << 20)  # type: ignore[arg-type]
    ids.add(digests_of(during), digests_of([]))
    filled(ids, members)
    ids.add(digests_of(after), digests_of(during))
    assert known(ids, before + during + after).all()
    dead = [digest for digest, is_dead in subjects if is_dead] + during
    assert ids.may_be_dead(digests_of(dead)).all()
    alive = [digest for digest, is_dead in subjects if not is_dead]
    assert not ids.may_be_dead(digests_of(alive)).any()


def test_few_unknown_ids_are_taken_for_known_ones_though_it_is_as_full_as_it_is_made_for() -> None:
    chance = random.Random(3)
    ids = filled(KnownIds(), Members([], []))
    for _ in range(65):
        ids.add(digests_of(digests(chance, 1000)), digests_of([]))
    assert known(ids, digests(chance, 20_000)).sum() < 20


def test_it_is_read_anew_when_it_has_grown_too_small_and_no_more_than_its_bytes_allow() -> None:
    chance = random.Random(4)
    members = Members([], [])
    ids = filled(KnownIds(), members)
    asked = members.asked
    ids.turn(members, 1 << 20)  # type: ignore[arg-type]
    assert members.asked == asked
    for _ in range(70):
        ids.add(digests_of(digests(chance, 1000)), digests_of([]))
    ids.turn(members, 1 << 10)  # type: ignore[arg-type]
    assert members.asked == asked
    ids.turn(members, 1 << 20)  # type: ignore[arg-type]
    assert members.asked == asked + 1


def test_records_that_are_written_again_take_no_more_room() -> None:
    chance = random.Random(6)
    members, same = Members([], []), digests_of(digests(chance, 1000))
    ids = filled(KnownIds(), members)
    asked = members.asked
    for _ in range(200):
        ids.add(same, digests_of([]))
        ids.turn(members, 1 << 20)  # type: ignore[arg-type]
    assert members.asked == asked


@pytest.mark.parametrize("most", [1 << 10, 3000, 300_001, 1 << 20])
def test_all_filters_together_take_the_bytes_allowed_at_most(most: int) -> None:
    chance = random.Random(most)
    ids, members = KnownIds(), Members([], [])
    taken: list[int] = []
    for _ in range(300):
        ids.turn(members, most)  # type: ignore[arg-type]
        ids.add(digests_of(digests(chance, 1000)), digests_of([]))
        held = [filters for filters in (ids._filters, ids._walk and ids._walk.filters) if filters]
        taken.append(sum(filters.records.nbytes + filters.dead.nbytes for filters in held))
    assert most // 2 < max(taken) <= most


def test_one_bit_of_a_field_makes_another_of_it() -> None:
    words = np.zeros(bloom.WORDS * 64, np.uint64)
    field = np.frombuffer(random.Random(5).randbytes(10), np.uint8)
    bloom.add(words, field, 0, bloom.FIELD)
    found = np.ones(1, np.bool_)
    for bit in range(80):
        other = field.copy()
        other[bit // 8] ^= 1 << (bit % 8)
        bloom.look(words, other, 0, bloom.FIELD, found)
        assert not found[0], bit

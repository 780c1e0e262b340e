"""The kernel's sums are those of hashlib's digests."""

from __future__ import annotations

import random

import numpy as np
import pytest

from unlearn.partition.slices.lineage import MODULUS, slot_hash
from unlearn.partition.slices.slot_sums import sum_by_shard, sum_slots

EDGES = (0, 1, 255, 256, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1)


@pytest.mark.parametrize("slot", EDGES)
def test_one_slots_sum_is_its_digest(slot: int) -> None:
    assert sum_slots([slot]) == slot_hash(slot)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
def test_many_are_added_with_their_carries(count: int) -> None:
    chance = random.Random(count)
    slots = [chance.randrange(2 ** chance.randint(1, 63)) for _ in range(count)]

    wanted = sum(slot_hash(slot) for slot in slots) % MODULUS

    assert sum_slots(slots) == sum_slots(iter(slots)) == sum_slots(np.array(slots, np.int64)) == wanted
    assert sum_slots(np.array(slots, np.int64)[::2]) == sum(map(slot_hash, slots[::2])) % MODULUS


@pytest.mark.parametrize("count", [0, 1, 2, 7, 500])
def test_sums_by_shard_equal_those_of_each_shards_slots(count: int) -> None:
    chance = random.Random(count)
    slots = sorted(chance.sample(range(2**53), count))
    shards = [chance.randrange(5) for _ in slots]
    found = {
        shard: (total, rows)
        for shard, total, rows in sum_by_shard(np.array(slots, np.int64), np.array(shards, np.int32))
    }
    expected = {
        shard: (sum_slots(mine), len(mine))
        for shard in set(shards)
        if (mine := [slot for slot, at in zip(slots, shards, strict=True) if at == shard])
    }
    assert found == expected

"""The hash that decides a row's role, against its definition in plain integers."""

from __future__ import annotations

import struct

import numpy as np

from tests.unit.models.pu_rows import sample
from unlearn_models import Rows
from unlearn_models.positive_unlabelled.roles import hashes, is_held_out

MASK = 2**64 - 1


def mix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def plain(rows: Rows, seed: int) -> list[int]:
    found = []
    for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        x = mix(seed)
        for cell in range(start, stop):
            x = mix(x ^ int(rows.indices[cell]))
            x = mix(x ^ int.from_bytes(struct.pack("<d", rows.values[cell]), "little"))
        found.append(x)
    return found


def test_the_mixer_is_that_of_splitmix64() -> None:
    # The generator's first two numbers from the seed 1234567, as its authors publish them.
    assert mix(1234567) == 6457827717110365317
    assert mix(1234567 + 0x9E3779B97F4A7C15) == 3203168211198807973


def test_hashes_are_those_of_the_definition() -> None:
    rows = sample(300)
    for seed in (0, 1, 2**63 - 1):
        assert hashes(rows, seed).tolist() == plain(rows, seed)


def test_every_index_and_value_counts() -> None:
    # given 600 rows of one cell, each of another content
    indices = np.repeat(np.arange(300, dtype=np.int32), 2)
    rows = Rows(np.ones(600, np.int32), np.arange(601), indices, np.where(np.arange(600) % 2, 1.0, -2.5))
    # then
    assert len(set(hashes(rows, 0).tolist())) == 600


def test_a_share_is_a_bound_of_the_hash() -> None:
    hashed = np.array([0, 2**61, 2**62 - 2**11, 2**62, 2**64 - 1], np.uint64)
    assert is_held_out(hashed, 0.25).tolist() == [True, True, True, False, False]
    assert is_held_out(hashed, 0.125).tolist() == [True, False, False, False, False]

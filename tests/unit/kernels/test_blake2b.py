"""The compiled BLAKE2b gives the bytes of the standard library's."""

from __future__ import annotations

import random
from hashlib import blake2b

import numpy as np
import pytest

from unlearn.kernels.blake2b import absorb, absorb_number, keyed_state

KEYS = (b"", b"k", bytes(range(63)), bytes(range(64)))
SIZES = (*range(1, 300), 1000, 1024, 1025, 40_000)


def digest(key: bytes, person: bytes, size: int, data: bytes) -> bytes:
    h, m = np.empty(8, np.uint64), np.empty(16, np.uint64)
    absorb(*keyed_state(key, person, size), np.frombuffer(b"x" + data + b"y", np.uint8), 1, 1 + len(data), h, m)
    return h.astype("<u8").tobytes()[:size]


@pytest.mark.parametrize("key", KEYS)
def test_every_length_of_message_has_the_librarys_digest(key: bytes) -> None:
    chance = random.Random(1)
    for size in SIZES:
        data = chance.randbytes(size)
        assert digest(key, b"record", 16, data) == blake2b(data, key=key, person=b"record", digest_size=16).digest()


@pytest.mark.parametrize("size", [1, 4, 16, 64])
def test_size_and_person_change_the_digest_as_they_do_in_the_library(size: int) -> None:
    for person in (b"", b"content", bytes(range(1, 17))):
        assert digest(b"k", person, size, b"ab") == blake2b(b"ab", key=b"k", person=person, digest_size=size).digest()


@pytest.mark.parametrize("key", KEYS)
def test_a_number_is_digested_as_its_eight_bytes(key: bytes) -> None:
    h, m = np.empty(8, np.uint64), np.empty(16, np.uint64)
    for number in (0, 1, 255, 256, 2**53, 2**63 - 1):
        absorb_number(*keyed_state(key, b"slot", 16), number, h, m)
        data = number.to_bytes(8, "little")
        assert h.astype("<u8").tobytes()[:16] == blake2b(data, key=key, person=b"slot", digest_size=16).digest()

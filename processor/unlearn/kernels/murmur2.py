"""Kafka's hash of a key, of many keys at once."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import i32, i64, itself, kernel, none, reads, u8, u32, writes

_M, _BITS = 0x5BD1E995, 0xFFFFFFFF


def _murmur2_plainly(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """As the kernel `murmur2`."""
    key = data[start:stop].tobytes()
    whole = len(key) & ~3
    h = 0x9747B28C ^ len(key)
    for block in struct.unpack_from(f"<{whole // 4}I", key):
        k = block * _M & _BITS
        h = (h * _M & _BITS) ^ ((k ^ (k >> 24)) * _M & _BITS)
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _BITS
    h = (h ^ (h >> 13)) * _M & _BITS
    return h ^ (h >> 15)


# From Apache Kafka, org.apache.kafka.common.utils.Utils.murmur2: Austin Appleby's MurmurHash2.
@kernel(u32, reads(u8), i64, i64, plain=_murmur2_plainly)
def murmur2(data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Kernel: the hash of data[start:stop]."""
    m = np.uint32(_M)
    length = stop - start
    h = np.uint32(np.uint32(0x9747B28C) ^ np.uint32(length))
    at = start
    while at + 4 <= stop:
        k = np.uint32(
            np.uint32(data[at])
            | np.uint32(np.uint32(data[at + 1]) << np.uint32(8))
            | np.uint32(np.uint32(data[at + 2]) << np.uint32(16))
            | np.uint32(np.uint32(data[at + 3]) << np.uint32(24))
        )
        k = np.uint32(k * m)
        k = np.uint32(k ^ (k >> np.uint32(24)))
        h = np.uint32(np.uint32(h * m) ^ np.uint32(k * m))
        at += 4
    rest = stop - at
    if rest == 3:
        h = np.uint32(h ^ np.uint32(np.uint32(data[at + 2]) << np.uint32(16)))
    if rest >= 2:
        h = np.uint32(h ^ np.uint32(np.uint32(data[at + 1]) << np.uint32(8)))
    if rest >= 1:
        h = np.uint32(np.uint32(h ^ np.uint32(data[at])) * m)
    h = np.uint32(np.uint32(h ^ (h >> np.uint32(13))) * m)
    return int(np.uint32(h ^ (h >> np.uint32(15))))


@kernel(none, reads(u8), reads(i64, 2), i64, writes(i32), plain=itself)
def home_partitions(
    data: NDArray[np.uint8], keys: NDArray[np.int64], partitions: int, homes: NDArray[np.int32]
) -> None:
    """Kernel: for each span (start, stop) of `keys` its home among so many partitions; -1 for a start below 0."""
    for i in range(len(keys)):
        start, stop = keys[i, 0], keys[i, 1]
        homes[i] = -1 if start < 0 else (murmur2(data, start, stop) & 0x7FFFFFFF) % partitions

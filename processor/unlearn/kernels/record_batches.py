"""The compiled reading of record batches of Kafka's format v2.

It takes what producers write, and nothing else: whatever is odd is left to the client's own reading.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn.kernels.varints import ODD, PAIR, sized_bytes, varint
from unlearn_models.base.kernel import flag, i64, kernel, reads, u8, writes

__all__ = ["SMALLEST_RECORD", "find_run", "read_records", "read_run"]

SMALLEST_RECORD = 7
"""Bytes of a record without key, value and headers."""
_HEADER = 61
"""Bytes of a batch before its records. Its numbers stand at: offset 0, length of what follows 8, leader epoch 12,
format 16, checksum 17, attributes 21, last offset's delta 23, first timestamp 27, largest 35,
producer's id 43, count of records 57."""
_APPEND_TIME = 8
_FAR = 2**63 - 1
_NONE = -1


@kernel(i64, reads(u8), i64, i64)
def _headers(data: NDArray[np.uint8], at: int, end: int) -> int:
    """How many headers stand in data[at:end]; -1 unless they fill it and their names are ASCII."""
    count, at = varint(data, at, end)
    if at < 0:
        return ODD
    for _ in range(count):
        start, at = sized_bytes(data, at, end)
        if start < 0:
            return ODD
        for i in range(start, at):
            if data[i] >= 0x80:
                return ODD
        _, at = sized_bytes(data, at, end)
        if at < 0:
            return ODD
    return count if at == end else ODD


@kernel(i64, reads(u8), i64, i64)
def _number(data: NDArray[np.uint8], at: int, size: int) -> int:
    """The signed number of `size` bytes at this one, the highest first."""
    found: Any = np.int64(data[at])
    found -= (found & 0x80) << 1
    for i in range(at + 1, at + size):
        found = found << 8 | np.int64(data[i])
    return found  # type: ignore[no-any-return]  # numba's integers are sized


def _find_none(*arguments: object) -> tuple[int, int]:
    """As `find_run` where no batches may be read at once: each is left to the client then, record by record."""
    return 0, 0


def _read_none(*arguments: object) -> bool:
    """As `read_records` and `read_run` where all that is there is odd."""
    return False


@kernel(PAIR, reads(u8), i64, i64, writes(i64), plain=_find_none)
def find_run(data: NDArray[np.uint8], at: int, most: int, ends: NDArray[np.int64]) -> tuple[int, int]:
    """Kernel: (how many batches from `at` on may be read at once, how many records they say they hold).

    These are whole batches of format v2, neither packed nor of a transaction nor markers, of one leader epoch, all with
    or all without a producer's id, and in the order of their offsets, with `most` records in all unless the first alone
    has more. ends (m,): where each of them ends; no more than m are wanted.
    """
    found, rows, last, epoch, named = 0, 0, -1, 0, False
    while found < len(ends) and 0 <= at <= len(data) - _HEADER:
        base, end, count = _number(data, at, 8), at + 12 + _number(data, at + 8, 4), _number(data, at + 57, 4)
        delta = _number(data, at + 23, 4)
        usual = data[at + 16] == 2 and _number(data, at + 21, 2) & ~_APPEND_TIME == 0
        room = (min(end, len(data)) - at - _HEADER) // SMALLEST_RECORD
        if not usual or end > len(data) or count < 1 or count > room:
            break
        if base <= last or delta < 0 or base > _FAR - delta or (found > 0 and rows + count > most):
            break
        its_epoch, is_named = _number(data, at + 12, 4), _number(data, at + 43, 8) >= 0
        if found > 0 and (its_epoch != epoch or is_named != named):
            break
        ends[found] = end
        found, rows, last, epoch, named, at = found + 1, rows + count, base + delta, its_epoch, is_named, end
    return found, rows


@kernel(
    flag,
    *(reads(u8), i64, i64, i64, i64, i64, i64, i64),
    *(writes(i64), writes(i64), writes(i64, 2), writes(i64, 2), writes(i64, 2)),
    plain=_read_none,
)
def read_records(
    data: NDArray[np.uint8],
    at: int,
    stop: int,
    first_row: int,
    stop_row: int,
    base_offset: int,
    last_delta: int,
    first_timestamp: int,
    offsets: NDArray[np.int64],
    timestamps: NDArray[np.int64],
    keys: NDArray[np.int64],
    values: NDArray[np.int64],
    headers: NDArray[np.int64],
) -> bool:
    """Kernel: the records that fill data[at:stop], into the rows from first_row to stop_row; False where something is
    odd. Then what was written is of no use.

    offsets and timestamps (n,), the latter wrap around at 64 bits; keys, values and headers (n, 2), spans in `data`,
    (-1, -1) for none. Offsets must ascend and be at most base_offset + last_delta, which must fit into 64 bits.
    """
    before = -1
    for row in range(first_row, stop_row):
        length, start = varint(data, at, stop)
        if start < 0 or length < 1 or length > stop - start or data[start] >= 0x80:
            return False
        end = start + length
        elapsed, at = varint(data, start + 1, end)
        delta, at = varint(data, at, end)
        key, at = sized_bytes(data, at, end)
        keys[row, 0], keys[row, 1] = key, (at if key >= 0 else _NONE)
        value, at = sized_bytes(data, at, end)
        values[row, 0], values[row, 1] = value, (at if value >= 0 else _NONE)
        count = _headers(data, at, end)
        if count < 0 or delta <= before or delta > last_delta:
            return False
        headers[row, 0], headers[row, 1] = (at, end) if count > 0 else (_NONE, _NONE)
        offsets[row], timestamps[row] = base_offset + delta, first_timestamp + elapsed
        before, at = delta, end
    return bool(at == stop)


@kernel(
    i64,
    *(reads(u8), i64, reads(i64), writes(i64)),
    *(writes(i64), writes(i64), writes(i64, 2), writes(i64, 2), writes(i64, 2)),
    plain=_read_none,
)
def read_run(
    data: NDArray[np.uint8],
    at: int,
    ends: NDArray[np.int64],
    row_ends: NDArray[np.int64],
    offsets: NDArray[np.int64],
    timestamps: NDArray[np.int64],
    keys: NDArray[np.int64],
    values: NDArray[np.int64],
    headers: NDArray[np.int64],
) -> int:
    """Kernel: how many of the batches of a run were read; the next is odd.

    The run begins at `at` and is as `find_run` says: ends (k,). row_ends (k,): behind which row each batch ends. The
    others as in `read_records`.
    """
    row = 0
    for batch in range(len(ends)):
        end, stop_row = ends[batch], row + _number(data, at + 57, 4)
        base, delta, first = _number(data, at, 8), _number(data, at + 23, 4), _number(data, at + 27, 8)
        if not read_records(
            data, at + _HEADER, end, row, stop_row, base, delta, first, offsets, timestamps, keys, values, headers
        ):
            return batch
        if _number(data, at + 21, 2) & _APPEND_TIME:
            timestamps[row:stop_row] = _number(data, at + 35, 8)
        row_ends[batch], row, at = stop_row, stop_row, end
    return len(ends)

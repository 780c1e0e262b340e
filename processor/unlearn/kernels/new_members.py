"""The bytes of membership entries for rows of new records: those of `unlearn.state.entries`, packed for one script."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.kernel import flag, i64, kernel, reads, u8, writes

_NAME = 12
"""Bytes of a digest by which the script finds its place."""
_TAG_START, _TAG_STOP = 8, 14
_HAS_TAG, _HAS_ROW, _HAS_REVISION = 1, 2, 4
_LIVES = 0x4C
MOST_BYTES = 40
"""Room for one record's or subject's part."""


@kernel(i64, writes(u8), i64, reads(u8, 2), i64)
def _put_name(out: NDArray[np.uint8], at: int, digests: NDArray[np.uint8], row: int) -> int:
    for byte in range(_NAME):
        out[at + byte] = digests[row, byte]
    return at + _NAME


@kernel(i64, writes(u8), i64, i64)
def _put_number(out: NDArray[np.uint8], at: int, number: int) -> int:
    """Write an unsigned LEB128; returns where it ends."""
    while number > 0x7F:
        out[at] = np.uint8(number & 0x7F | 0x80)
        number >>= 7
        at += 1
    out[at] = np.uint8(number)
    return at + 1


@kernel(i64, reads(u8, 2), reads(u8, 2), reads(flag), reads(u8, 2), reads(i64), reads(i64), writes(u8))
def pack_records(
    records: NDArray[np.uint8],
    subjects: NDArray[np.uint8],
    owned: NDArray[np.bool_],
    contents: NDArray[np.uint8],
    slots: NDArray[np.int64],
    revisions: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> int:
    """Kernel: for each row the name of its record, the size of its entry, and the entry; returns the size of all.

    `owned`: whether the row has a subject.
    """
    at = 0
    for i in range(len(slots)):
        at = _put_name(out, at, records, i)
        size_at = at
        out[at + 1] = 0
        out[at + 2] = _HAS_ROW + (_HAS_TAG if owned[i] else 0) + (_HAS_REVISION if revisions[i] else 0)
        at += 3
        if owned[i]:
            for byte in range(_TAG_START, _TAG_STOP):
                out[at] = subjects[i, byte]
                at += 1
        at = _put_number(out, at, slots[i])
        for byte in range(contents.shape[1]):
            out[at] = contents[i, byte]
            at += 1
        if revisions[i]:
            at = _put_number(out, at, revisions[i])
        out[size_at] = np.uint8(at - size_at - 1)
    return at


@kernel(i64, reads(u8, 2), reads(i64), writes(u8))
def pack_subjects(subjects: NDArray[np.uint8], slots: NDArray[np.int64], out: NDArray[np.uint8]) -> int:
    """Kernel: for each subject its name, the size of its value, and the value: alive, first seen at the slot."""
    at = 0
    for i in range(len(slots)):
        at = _put_name(out, at, subjects, i)
        size_at = at
        out[at + 1] = _LIVES
        at = _put_number(out, at + 2, slots[i])
        out[size_at] = np.uint8(at - size_at - 1)
    return at

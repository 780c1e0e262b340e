"""Keyed digests of ids and contents, from spans over a batch's bytes: those of `unlearn.events.partitioner.Digests`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn.kernels.blake2b import absorb
from unlearn_models.base.kernel import i32, i64, kernel, none, reads, u8, u64, writes

_PREFIX = 4
"""Bytes of a length before what it is the length of."""
_NO_LABEL = 0xFF
_TEXT, _FEATURES = 0x74, 0x66


@kernel(i64, writes(u8), i64, i64)
def _put_length(out: NDArray[np.uint8], at: int, length: int) -> int:
    for byte in range(_PREFIX):
        out[at + byte] = np.uint8((length >> (8 * byte)) & 0xFF)
    return at + _PREFIX


@kernel(i64, writes(u8), i64, reads(u8), i64, i64)
def _put(out: NDArray[np.uint8], at: int, data: NDArray[np.uint8], start: int, stop: int) -> int:
    """Copy data[start:stop], behind its length, to out[at:]; returns where it ends."""
    at = _put_length(out, at, stop - start)
    for i in range(start, stop):
        out[at + i - start] = data[i]
    return at + stop - start


@kernel(none, writes(u64), writes(u8, 2), i64)
def _store(h: NDArray[np.uint64], digests: NDArray[np.uint8], row: int) -> None:
    for byte in range(digests.shape[1]):
        digests[row, byte] = np.uint8((h[byte >> 3] >> np.uint64(8 * (byte & 7))) & np.uint64(0xFF))


@kernel(none, reads(u64), i64, reads(u8), reads(i64, 2), writes(u8), writes(u8, 2))
def id_digests(
    keyed: NDArray[np.uint64],
    before: int,
    data: NDArray[np.uint8],
    ids: NDArray[np.int64],
    scratch: NDArray[np.uint8],
    digests: NDArray[np.uint8],
) -> None:
    """Kernel: the digest of each id, a span (start, stop) of `data`; zeros for a start below 0.

    `scratch` has room for the longest id and its length.
    """
    h, m = np.empty(8, np.uint64), np.empty(16, np.uint64)
    for i in range(len(ids)):
        if ids[i, 0] < 0:
            digests[i] = 0
            continue
        stop = _put(scratch, 0, data, ids[i, 0], ids[i, 1])
        absorb(keyed, before, scratch, 0, stop, h, m)
        _store(h, digests, i)


@kernel(i64, writes(u8), i64, reads(u8), reads(i64), i32)
def _put_label(
    out: NDArray[np.uint8], at: int, names: NDArray[np.uint8], name_ends: NDArray[np.int64], label: int
) -> int:
    if label >= 0:
        return _put(out, at, names, name_ends[label - 1] if label else 0, name_ends[label])
    for byte in range(_PREFIX):
        out[at + byte] = _NO_LABEL
    return at + _PREFIX


@kernel(none, reads(u64), i64, reads(u8), reads(i64), reads(i32), reads(u8), reads(i64, 2), writes(u8), writes(u8, 2))
def text_digests(
    keyed: NDArray[np.uint64],
    before: int,
    names: NDArray[np.uint8],
    name_ends: NDArray[np.int64],
    labels: NDArray[np.int32],
    text: NDArray[np.uint8],
    spans: NDArray[np.int64],
    scratch: NDArray[np.uint8],
    digests: NDArray[np.uint8],
) -> None:
    """Kernel: the digest of each label and text, a span of `text`; left alone for a start below 0.

    `names` holds the classes' names, one after the other; `scratch` has room for the longest of what is digested.
    """
    h, m = np.empty(8, np.uint64), np.empty(16, np.uint64)
    for i in range(len(spans)):
        if spans[i, 0] < 0:
            continue
        at = _put_label(scratch, 0, names, name_ends, labels[i])
        scratch[at] = _TEXT
        stop = _put(scratch, at + 1, text, spans[i, 0], spans[i, 1])
        absorb(keyed, before, scratch, 0, stop, h, m)
        _store(h, digests, i)


@kernel(
    none,
    reads(u64),
    i64,
    reads(u8),
    reads(i64),
    reads(i32),
    reads(i64, 2),
    reads(u8),
    reads(u8),
    writes(u8),
    writes(u8, 2),
)
def feature_digests(
    keyed: NDArray[np.uint64],
    before: int,
    names: NDArray[np.uint8],
    name_ends: NDArray[np.int64],
    labels: NDArray[np.int32],
    spans: NDArray[np.int64],
    indices: NDArray[np.uint8],
    values: NDArray[np.uint8],
    scratch: NDArray[np.uint8],
    digests: NDArray[np.uint8],
) -> None:
    """Kernel: the digest of each label and features; a span counts features, and is left alone for a start below 0.

    `indices`, `values`: the bytes of all features, 4 and 8 each, the lowest first.
    """
    h, m = np.empty(8, np.uint64), np.empty(16, np.uint64)
    for i in range(len(spans)):
        start, stop = spans[i, 0], spans[i, 1]
        if start < 0:
            continue
        at = _put_label(scratch, 0, names, name_ends, labels[i])
        scratch[at] = _FEATURES
        at = _put(scratch, at + 1, indices, 4 * start, 4 * stop)
        for byte in range(8 * start, 8 * stop):
            scratch[at + byte - 8 * start] = values[byte]
        absorb(keyed, before, scratch, 0, at + 8 * (stop - start), h, m)
        _store(h, digests, i)

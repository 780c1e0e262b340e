"""Which records have only headers of given names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn.kernels.varints import sized_bytes, varint
from unlearn_models.base.kernel import flag, i64, kernel, none, reads, u8, writes


@kernel(flag, reads(u8), i64, i64, reads(u8), reads(i64))
def _is_named(
    data: NDArray[np.uint8], start: int, stop: int, names: NDArray[np.uint8], ends: NDArray[np.int64]
) -> bool:
    begin = np.int64(0)
    for end in ends:
        at = np.int64(0)
        if end - begin == stop - start:
            while at < stop - start and data[start + at] == names[begin + at]:
                at += 1
            if at == stop - start:
                return True
        begin = end
    return False


@kernel(none, reads(u8), reads(i64, 2), reads(u8), reads(i64), writes(flag))
def only_named(
    data: NDArray[np.uint8],
    spans: NDArray[np.int64],
    names: NDArray[np.uint8],
    ends: NDArray[np.int64],
    found: NDArray[np.bool_],
) -> None:
    """Kernel: whether each record, its headers in data[start:stop] (spans (n, 2), -1 without any), has no others.

    `names`: the names' bytes one behind the other, `ends` where each ends; the headers in the form of
    `log.record_headers`. found (n,) bool is False too for what isn't in that form.
    """
    for row in range(len(spans)):
        at, end = spans[row, 0], spans[row, 1]
        found[row] = True
        if at < 0:
            continue
        count, at = varint(data, at, end)
        for _ in range(count):
            start, at = sized_bytes(data, at, end)
            if start < 0 or not _is_named(data, start, at, names, ends):
                found[row] = False
                break
            _, at = sized_bytes(data, at, end)
        if at < 0:
            found[row] = False

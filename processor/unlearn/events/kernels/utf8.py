"""UTF-8 as Unicode defines it: no longer form than needed, no surrogates, nothing above U+10FFFF."""

from __future__ import annotations

from typing import Any

from unlearn.events.kernels.signatures import BYTES, Bytes
from unlearn_models.base.kernel import flag, i64, lean_kernel


@lean_kernel(flag, BYTES, i64)
def _follows(data: Bytes, at: Any) -> Any:
    return (data[at] & 0xC0) == 0x80


@lean_kernel(i64, BYTES, i64, i64)
def width(data: Bytes, at: Any, stop: Any) -> Any:
    """How many bytes the character takes that starts here with a byte above 127; 0 where none does."""
    lead = int(data[at])
    if lead < 0xC2 or lead > 0xF4:
        return 0
    size = 2 + (lead >= 0xE0) + (lead >= 0xF0)
    if at + size > stop or not _follows(data, at + 1):
        return 0
    second = int(data[at + 1])
    # The second byte's bounds (Unicode, table 3-7) exclude the rest.
    if (lead == 0xE0 and second < 0xA0) or (lead == 0xED and second > 0x9F):
        return 0
    if (lead == 0xF0 and second < 0x90) or (lead == 0xF4 and second > 0x8F):
        return 0
    if size > 2 and not _follows(data, at + 2):
        return 0
    if size > 3 and not _follows(data, at + 3):
        return 0
    return size


@lean_kernel(i64, i64)
def size_of(code: Any) -> Any:
    """How many bytes a code point takes."""
    return 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)

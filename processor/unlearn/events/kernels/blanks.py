"""JSON's whitespace, and its words that stand without quotes."""

from __future__ import annotations

from typing import Any, Final

from unlearn.events.kernels.signatures import BYTES, Bytes
from unlearn_models.base.kernel import flag, i64, lean_kernel

_SPACE: Final = 0x20
_TAB: Final = 0x09
_LINE: Final = 0x0A
_RETURN: Final = 0x0D


@lean_kernel(i64, BYTES, i64, i64)
def skip(data: Bytes, at: Any, stop: Any) -> Any:
    """The position of the first byte from `at` on that isn't whitespace, or `stop`."""
    while at < stop and data[at] <= _SPACE:
        byte = data[at]
        if byte not in (_SPACE, _TAB, _LINE, _RETURN):
            return at
        at += 1
    return at


@lean_kernel(flag, BYTES, i64, i64, BYTES)
def stands_at(data: Bytes, at: Any, stop: Any, word: Bytes) -> bool:
    """Whether the word's bytes stand here."""
    if at + len(word) > stop:
        return False
    same = True
    for i in range(len(word)):
        same &= data[at + i] == word[i]
    return same

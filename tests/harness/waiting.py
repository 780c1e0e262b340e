"""Waiting with an end: no test loops for ever, and each says what it waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["until"]

T = TypeVar("T")


def _pause() -> None:
    time.sleep(0.02)


def until(
    look: Callable[[], T], seconds: float, what: str | Callable[[], object], between: Callable[[], object] = _pause
) -> T:
    """What `look` gives as soon as that is true. Fails the test after `seconds`, and says what never came.

    `between` is done after each look in vain: by default time passes, a worker may turn.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what if isinstance(what, str) else what()}"
        between()
    return found

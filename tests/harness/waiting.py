"""Waiting with an end: no test loops for ever, and each says what it waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from unlearn.errors import LogUnavailable

__all__ = ["until"]

T = TypeVar("T")


def _pause() -> None:
    time.sleep(0.02)


def until(
    look: Callable[[], T], seconds: float, what: str | Callable[[], object], between: Callable[[], object] = _pause
) -> T:
    """What `look` gives as soon as that is true. Fails the test after `seconds`, and says what never came.

    A look at a Kafka that gives no answer, as one may on a busy machine, is a look in vain. `between` is done after
    each: by default time passes, a worker may turn.
    """
    deadline = time.monotonic() + seconds
    while True:
        silence: LogUnavailable | None = None
        try:
            if found := look():
                return found
        except LogUnavailable as error:
            silence = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}") from silence
        between()

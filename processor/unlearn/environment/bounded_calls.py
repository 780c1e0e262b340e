"""Calls that may take only so long in all; a socket's own time-out counts for each part of an answer alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["within"]

T = TypeVar("T")


def within(seconds: float, act: Callable[[], T]) -> T:
    """What `act` gives. Raises what it raises, and TimeoutError once it takes longer: then its thread is left alone."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(act())
        except BaseException as error:  # noqa: BLE001  it is raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=run, name="bounded call", daemon=True).start()
    return answer.result(seconds)

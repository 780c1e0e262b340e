"""Calls that wait for Kafka, for coroutines: on a thread, so that the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

__all__ = ["in_thread"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def in_thread(call: Callable[_P, _R]) -> Callable[_P, Coroutine[Any, Any, _R]]:
    """The same call as a coroutine, with the same arguments and errors.

    If it is cancelled, only the wait for it ends: what it was about to send may be sent all the same.
    """

    @wraps(call)
    async def awaited(*args: _P.args, **named: _P.kwargs) -> _R:
        return await asyncio.to_thread(call, *args, **named)

    return awaited

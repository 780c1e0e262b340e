"""Those who follow a model's changes by server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from itertools import chain
from typing import Any

from unlearn.errors import HttpRefused
from unlearn.scoring.changes import Change

__all__ = ["Followers", "as_json", "sent"]

_MOST_WAITING = 100
"""Changes that wait for one follower at most; one that falls behind further is cut off, and asks again."""
_ALIVE_EVERY = 10.0
"""Seconds without a change after which a comment is sent, so that a connection that is gone shows."""


class _Follower:
    """What waits for one follower; None is the end, behind which nothing comes."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._ended = False

    def add(self, change: Change | None) -> None:
        if self._ended:
            return
        self._ended = change is None or self.queue.qsize() >= _MOST_WAITING
        self.queue.put_nowait(None if self._ended else change)


class Followers:
    """For one loop; `tell` may be called from any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._followers: dict[str, set[_Follower]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """Belong to the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def tell(self, model: str, change: Change) -> None:
        """Tell all who follow the model."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._put, model, change)

    def end(self) -> None:
        """End all of them."""
        for follower in chain.from_iterable(self._followers.values()):
            follower.add(None)

    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self._followers.values()))

    def follow(self, model: str, now: Callable[[], Change | None]) -> AsyncIterator[bytes]:
        """The model's changes as server-sent events, first what is served `now`. Raises HttpRefused if too many follow.

        A follower that reads too slowly is ended. It counts from its first event on: one that is gone before that is
        never told to end.
        """
        if self.count() >= self._most:
            raise HttpRefused(503, f"{self._most} follow already", 5.0)
        return self._events(model, now)

    async def _events(self, model: str, now: Callable[[], Change | None]) -> AsyncIterator[bytes]:
        follower = _Follower()
        self._followers.setdefault(model, set()).add(follower)
        try:
            if (first := now()) is not None:
                follower.add(first)
            yield b"retry: 1000\n\n"
            while True:
                try:
                    change = await asyncio.wait_for(follower.queue.get(), _ALIVE_EVERY)
                except TimeoutError:
                    yield b": alive\n\n"
                    continue
                if change is None:
                    return
                yield sent(change)
        finally:
            self._followers[model].discard(follower)

    def _put(self, model: str, change: Change) -> None:
        for follower in self._followers.get(model, ()):
            follower.add(change)


def sent(change: Change) -> bytes:
    """The change as a server-sent event (HTML, section 9.2), whose id is its content."""
    return f"id: {change.content}\nevent: change\ndata: {json.dumps(as_json(change))}\n\n".encode()


def as_json(change: Change) -> dict[str, Any]:
    """The change as JSON."""
    return {
        "version": change.version,
        "content": change.content,
        "left_out": list(change.left_out),
        "partitions": [{**one._asdict(), "withdrawn": list(one.withdrawn)} for one in change.partitions],
    }

"""Pages that are open, each with a stream of server-sent events: the snapshot when it changed, and a pulse."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable

from unlearn.console.poller import Outcome
from unlearn.errors import HttpRefused

__all__ = ["Watchers", "pulse"]

_PULSE_EVERY = 2.0
"""Seconds; a page that misses a few of them says that its connection is lost."""


class Watchers:
    """For one loop. A page gets the newest alone: one that reads slowly passes over what came between."""

    def __init__(self, most: int, outcome: Callable[[], Outcome], watched: Callable[[int], None]) -> None:
        self._most, self._outcome, self._watched = most, outcome, watched
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: set[asyncio.Event] = set()
        self._ended = False

    def begin(self) -> None:
        """Belong to the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def tell(self) -> None:
        """There is another outcome. For any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def end(self) -> None:
        """End all streams."""
        self._ended = True
        self._wake()

    def count(self) -> int:
        """How many there are."""
        return len(self._news)

    def watch(self) -> AsyncIterator[bytes]:
        """A page's events, first what is known now. Raises HttpRefused if too many watch."""
        if self.count() >= self._most:
            raise HttpRefused(503, f"{self._most} pages are open already", 5.0)
        news = asyncio.Event()
        self._news.add(news)
        self._watched(self.count())
        return self._events(news)

    async def _events(self, news: asyncio.Event) -> AsyncIterator[bytes]:
        sent = 0
        try:
            yield b"retry: 1000\n\n"
            while not self._ended:
                news.clear()
                outcome = self._outcome()
                if outcome.number > sent:
                    sent = outcome.number
                    yield b"event: snapshot\ndata: " + outcome.body + b"\n\n"
                yield b"event: pulse\ndata: " + pulse(outcome, round(time.time() * 1000)) + b"\n\n"
                try:
                    await asyncio.wait_for(news.wait(), _PULSE_EVERY)
                except TimeoutError:
                    continue
        finally:
            self._news.discard(news)
            self._watched(self.count())

    def _wake(self) -> None:
        for news in self._news:
            news.set()


def pulse(outcome: Outcome, now: int) -> bytes:
    """How old what is shown is, as JSON. `now`: the console's clock, by which the page tells all ages."""
    return json.dumps({"now": now, "read_at": outcome.read_at, "trouble": outcome.trouble}).encode()

"""Keeps the index up to the topics' ends. Whoever asks, waits for a look that began after that: all gateways answer
alike."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from unlearn.errors import LogUnavailable
from unlearn.gateway.requests.known import Known
from unlearn.gateway.requests.notes import Note
from unlearn.gateway.requests.topics import Ends, Topics

__all__ = ["Following"]

_log = logging.getLogger(__name__)
_POLL = 0.2
_SAY_EVERY = 10.0


class Following:
    """Reads the topics that `open_topics` opens into the index, on other threads; the index is changed on this one.

    `patience`: seconds without anything read after which Kafka counts as away.
    """

    def __init__(self, open_topics: Callable[[], Topics], known: Known, patience: float) -> None:
        self._open, self._known, self._patience = open_topics, known, patience
        self._topics: Topics | None = None
        self._look: asyncio.Task[None] | None = None
        self._looked_at = float("-inf")
        self.moved_at = time.monotonic()
        """When Kafka was last asked something, and an answer or an error came, by the monotonic clock."""
        self.read = 0.0
        """The share of the events topic that is read, until the end is reached for the first time."""

    @property
    def age(self) -> float:
        """Seconds since the last look began that went well; infinite before the topics were read for the first time."""
        return time.monotonic() - self._looked_at

    async def look(self) -> None:
        """Read to the topics' ends as they are now, unless another look has done that since this was called.

        Whoever stops waiting, stops no look. Raises LogUnavailable, TopicMissing, LogDiverged.
        """
        asked = time.monotonic()
        while self._looked_at < asked:
            if self._look is None or self._look.done():
                self._look = asyncio.create_task(self._read_on())
                self._look.add_done_callback(_heard)
            await asyncio.shield(self._look)

    async def _read_on(self) -> None:
        began = time.monotonic()
        try:
            await self._read()
        finally:
            self.moved_at = time.monotonic()
        self._looked_at = began

    async def _read(self) -> None:
        if self._topics is None:
            self._topics = await asyncio.to_thread(self._open)
        topics = self._topics
        ends = await asyncio.to_thread(topics.ends)
        await self._read_events(topics, ends)
        moved = time.monotonic()
        while not topics.answered(ends):
            found = await asyncio.to_thread(topics.receipts, ends, _POLL)
            moved = self._moved(moved, bool(found), "receipts")
            for one in found:
                if isinstance(one, Note):
                    self._known.take_note(one)
                else:
                    self._known.take_receipt(one)

    async def _read_events(self, topics: Topics, ends: Ends) -> None:
        moved, left = time.monotonic(), topics.behind(ends)
        said = moved
        while left:
            for ticket, place in await asyncio.to_thread(topics.events, _POLL):
                self._known.take_event(ticket, place)
            before, left = left, topics.behind(ends)
            moved = self._moved(moved, left < before, "events")
            self.read = 1 - left / max(1, topics.size(ends))
            if moved - said > _SAY_EVERY:
                said = moved
                _log.info("reading the events topic: %.0f %%", 100 * self.read)

    def _moved(self, moved: float, moves: bool, topic: str) -> float:
        self.moved_at = now = time.monotonic()
        if not moves and now - moved > self._patience:
            raise LogUnavailable(f"Kafka sends nothing of the {topic} topic")
        return now if moves else moved

    async def close(self) -> None:
        """Close the topics, once no look is under way; nothing is read any more."""
        if self._look is not None:
            await asyncio.wait([self._look])
        if self._topics is not None:
            await asyncio.to_thread(self._topics.close)


def _heard(look: asyncio.Task[None]) -> None:
    """Its error is for those who wait for it; there may be none any more."""
    if not look.cancelled():
        look.exception()

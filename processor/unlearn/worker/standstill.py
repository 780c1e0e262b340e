"""Finds partitions of which nothing is read for a while though the log goes on, so that they are read anew.

The cause doesn't matter: Kafka clients have had faults of this kind, without any error to see.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import NamedTuple

__all__ = ["Standstill", "standing"]

_log = logging.getLogger(__name__)
_PATIENCE = 30.0
_LOOK_EVERY = 10.0

Ends = Mapping[int, tuple[int, int]]
"""Partition -> (start, end) of the log."""


class Place(NamedTuple):
    """The offset at which a partition stands, and since when (monotonic seconds)."""

    position: int
    since: float


def moved(places: Mapping[int, Place], positions: Mapping[int, int], now: float) -> dict[int, Place]:
    """Each partition's place now, given `positions`. A partition that hasn't moved keeps its time."""
    return {
        partition: held if (held := places.get(partition)) and held.position == position else Place(position, now)
        for partition, position in positions.items()
    }


def standing(asked: Mapping[int, Place], places: Mapping[int, Place], ends: Ends) -> dict[int, str]:
    """Partition -> why it should have moved, of those that stand where they stood when the log was asked.

    `asked`: their places at that time; `ends`: the answer.
    """
    return {
        partition: f"nothing is read from {place.position} on, though the log goes up to {ends[partition][1]}"
        for partition, place in asked.items()
        if places.get(partition) == place and partition in ends and ends[partition][1] > place.position
    }


class Standstill:
    """Notices partitions that stand for `patience` seconds, and asks the log for its ends, `every` seconds at most.

    `bounds` asks the log. That may take long, so a thread of its own waits for the answer.
    """

    def __init__(
        self,
        bounds: Callable[[], Ends],
        patience: float = _PATIENCE,
        every: float = _LOOK_EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bounds = bounds
        self._patience, self._every, self._clock = patience, every, clock
        self._places: dict[int, Place] = {}
        self._asked: dict[int, Place] = {}
        self._answer: Future[Ends] | None = None
        self._ask_at = 0.0

    @property
    def asking(self) -> bool:
        """Whether the log was asked and its answer is still to be looked at."""
        return self._answer is not None

    def look(self, positions: Mapping[int, int]) -> dict[int, str]:
        """Partition -> reason, of those that stand still though the log goes on. Once named, its time begins anew.

        `positions`: the next offset of each partition that should be read now.
        """
        now = self._clock()
        self._places = moved(self._places, positions, now)
        if self._answer is not None:
            return self._judged(self._answer) if self._answer.done() else {}
        late = {p: place for p, place in self._places.items() if now - place.since >= self._patience}
        if late and now >= self._ask_at:
            self._ask_at = now + self._every
            self._asked, self._answer = late, self._ask()
        return {}

    def _judged(self, answer: Future[Ends]) -> dict[int, str]:
        self._answer = None
        try:
            found = standing(self._asked, self._places, answer.result())
        except Exception as error:  # noqa: BLE001  asked again; a worker must not end for it
            _log.info("the log does not tell its ends: %s", error)
            return {}
        if found:
            # All places begin anew, so that the new reader has `patience` seconds, too.
            self._places = {}
        return found

    def _ask(self) -> Future[Ends]:
        answer: Future[Ends] = Future()

        def run() -> None:
            try:
                answer.set_result(self._bounds())
            except BaseException as error:  # noqa: BLE001  handed to who waits
                answer.set_exception(error)

        threading.Thread(target=run, name="ends", daemon=True).start()
        return answer

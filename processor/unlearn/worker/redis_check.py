"""The worker's repeated look at Redis: whether it answers, and whether it can be used."""

from __future__ import annotations

import logging
from collections import Counter

import redis

from unlearn.environment.clock import Clock
from unlearn.errors import StateUnavailable
from unlearn.settings import Settings
from unlearn.state.health import look, redis_problems

__all__ = ["RedisCheck"]

_log = logging.getLogger(__name__)
_FITNESS_EVERY = 5.0
_UNFIT_EVERY = 1.0


class RedisCheck:
    """What the last look found; the first one is due some seconds after the start, which looked itself."""

    def __init__(self, settings: Settings, client: redis.Redis, counters: Counter[str], clock: Clock) -> None:
        self._unchecked = settings.redis.unchecked
        self._client = client
        self._counters = counters
        self._clock = clock
        self._due_at = clock.monotonic() + _FITNESS_EVERY
        self.unfit = ""
        """Why Redis can't be used though it answers, such as for its policy; empty if it can."""
        self.unheard = ""
        """Why Redis gives no answer; empty if it does. Without partitions nothing else asks it."""
        self.used_memory: int | None = None
        """What Redis takes of memory, all models together, in bytes, where it tells."""

    def turn(self) -> bool:
        """Look again if it is time. Returns whether Redis was found unfit for a reason that is new."""
        now = self._clock.monotonic()
        if now < self._due_at:
            return False
        self._due_at = now + _UNFIT_EVERY
        try:
            facts = look(self._client)
        except StateUnavailable as error:
            self._note_silence(str(error))
            return False
        self._note_silence("")
        self.used_memory = facts.get("used_memory")
        before, self.unfit = self.unfit, "; ".join(redis_problems(facts, unchecked=self._unchecked)[0])
        if not self.unfit:
            self._due_at = now + _FITNESS_EVERY
        if not self.unfit or self.unfit == before:
            return False
        self._counters["redis_trouble"] += 1
        _log.error("nothing is done while Redis can't be used: %s", self.unfit)
        return True

    def _note_silence(self, unheard: str) -> None:
        """Count each look that Redis doesn't answer, and log why, once."""
        self._counters["redis_trouble"] += bool(unheard)
        if unheard and unheard != self.unheard:
            _log.warning("%s", unheard)
        self.unheard = unheard

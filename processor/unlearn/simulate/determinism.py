"""The machine of a simulated worker: its clocks and random numbers follow from the seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from unlearn.environment.clock import Clock
from unlearn.worker.assembly import Limits

__all__ = ["EPOCH", "LIMITS", "Chance"]

EPOCH = 1_700_000_000
"""What the wall clock shows all the time, in seconds since 1970."""
LIMITS: Final = Limits(chunk=2, most_pairs=1)
"""So small that each limit is reached often."""


@dataclass
class _Running:
    """A clock apart from the world's: each look at it is a second later, and sleeping takes no real time."""

    chance: random.Random
    now: float = 0.0

    def monotonic(self) -> float:
        """One second later than at the last look."""
        self.now += 1.0
        return self.now

    def perf_counter(self) -> float:
        """A time that is later by chance: so the rates measured favour one way of training now, another later."""
        self.now += self.chance.random() ** 4
        return self.now

    def sleep(self, seconds: float) -> None:
        """Set the clock on, at once."""
        self.now += seconds


@dataclass
class Chance:
    """Clocks and nonces that follow from the seed, shared by all workers of a world."""

    seed: int = 0
    _nonces: random.Random = field(init=False)
    _running: _Running = field(init=False)

    def __post_init__(self) -> None:
        self._nonces = random.Random(f"nonces {self.seed}")
        self._running = _Running(random.Random(f"paces {self.seed}"))

    def nonce(self, size: int) -> str:
        """`size` random bytes, in hex."""
        return self._nonces.randbytes(size).hex()

    def standing(self, now: Callable[[], float]) -> Clock:
        """A clock whose monotonic time is the world's, `now`, which moves only between turns."""
        return self.running._replace(monotonic=now)

    @property
    def running(self) -> Clock:
        """A clock whose monotonic time goes on with every look, so that waiting for something comes to an end."""
        own = self._running
        return Clock(own.monotonic, lambda: float(EPOCH), own.perf_counter, own.sleep)

"""What time it is: handed to whatever asks, so that a simulation can give a time of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

__all__ = ["MACHINE_CLOCK", "Clock"]


class Clock(NamedTuple):
    """The ways to ask for the time, and to let it pass. All are in seconds; by default they are the machine's."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    """Since 1970."""
    perf_counter: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep

    def wall_ms(self) -> int:
        """Milliseconds since 1970, as records and tables hold times."""
        return round(self.wall() * 1000)


MACHINE_CLOCK: Final = Clock()

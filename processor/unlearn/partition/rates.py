"""What training costs here, as measured: by it the scheduler takes the cheapest exact way (DESIGN 8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Rate", "Rates", "Spent", "Step"]

Step = Literal["read", "learn", "forget"]
_MEMORY = 50_000
"""Rows after which a measurement counts half: paces follow the machine, and one slow call moves them little."""


@dataclass(slots=True)
class Spent:
    """Rows and seconds of one step."""

    rows: int = 0
    seconds: float = 0.0

    def add(self, rows: int, seconds: float) -> None:
        self.rows += rows
        self.seconds += seconds


@dataclass(slots=True)
class Rate:
    """Seconds a row, 0 until measured."""

    value: float = 0.0

    def observe(self, spent: Spent) -> None:
        """Move towards what was measured, the more the more rows it took."""
        if not spent.rows:
            return
        measured = spent.seconds / spent.rows
        weight = spent.rows / (spent.rows + _MEMORY) if self.value else 1.0
        self.value += weight * (measured - self.value)


@dataclass(slots=True)
class Rates:
    """Of reading rows from slice files (the dead too), learning rows and forgetting rows."""

    read: Rate = field(default_factory=Rate)
    learn: Rate = field(default_factory=Rate)
    forget: Rate = field(default_factory=Rate)

    def observe(self, spent: dict[Step, Spent]) -> None:
        for step, one in spent.items():
            getattr(self, step).observe(one)

    def anew(self, stored: int, live: int) -> float:
        """Seconds to read `stored` rows and learn the `live` ones among them."""
        return stored * self.read.value + live * self.learn.value

    def forgetting(self, stored: int, gone: int) -> float:
        """Seconds to read `stored` rows and forget those `gone`."""
        return stored * self.read.value + gone * self.forget.value

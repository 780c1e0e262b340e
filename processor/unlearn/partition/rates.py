"""What training costs on this machine, as measured; by it the scheduler takes the cheapest exact way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Rate", "Rates", "Spent", "Step"]

Step = Literal["read", "learn", "forget"]
_MEMORY = 50_000
"""Rows after which an earlier measurement counts half: rates follow the machine, and one slow call moves little."""


@dataclass(slots=True)
class Spent:
    """Rows and seconds of one step."""

    rows: int = 0
    seconds: float = 0.0

    def add(self, rows: int, seconds: float) -> None:
        """Add rows, and the seconds that they took."""
        self.rows += rows
        self.seconds += seconds


@dataclass(slots=True)
class Rate:
    """Seconds that one row takes; 0 until measured."""

    value: float = 0.0

    def observe(self, spent: Spent) -> None:
        """Move the rate towards what was measured, further the more rows were measured."""
        if not spent.rows:
            return
        measured = spent.seconds / spent.rows
        weight = spent.rows / (spent.rows + _MEMORY) if self.value else 1.0
        self.value += weight * (measured - self.value)


@dataclass(slots=True)
class Rates:
    """The rates of reading rows from slice files (dead ones too), of learning rows and of forgetting rows."""

    read: Rate = field(default_factory=Rate)
    learn: Rate = field(default_factory=Rate)
    forget: Rate = field(default_factory=Rate)

    def observe(self, spent: dict[Step, Spent]) -> None:
        """Take in what was spent, by step."""
        for step, one in spent.items():
            getattr(self, step).observe(one)

    def anew(self, stored: int, live: int) -> float:
        """Seconds to train from empty: read `stored` rows, and learn the `live` ones among them."""
        return stored * self.read.value + live * self.learn.value

    def forgetting(self, stored: int, gone: int) -> float:
        """Seconds to forget rows: read `stored` rows, and forget the `gone` ones among them."""
        return stored * self.read.value + gone * self.forget.value

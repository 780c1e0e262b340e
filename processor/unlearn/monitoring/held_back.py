"""How long producers' open transactions have held back what stands behind them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["HeldBack", "held_back"]


class HeldBack(NamedTuple):
    """A partition's end, as far as it can be read, and since when it hasn't moved though more is written."""

    end: int
    since: float


def held_back(
    before: Mapping[int, HeldBack], ends: Mapping[int, int], written: Mapping[int, int], now: float
) -> dict[int, HeldBack]:
    """What is held back `now` (monotonic seconds), by partition.

    `before`: what was at the last look; `ends`: to where each can be read; `written`: to where each had been written
    just before.
    """
    found = {p: HeldBack(end, now) for p, end in ends.items() if written.get(p, end) > end}
    return {p: before[p] if p in before and before[p].end == held.end else held for p, held in found.items()}

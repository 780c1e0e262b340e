"""Which states of a shard to keep. They are a cache: the choice changes the cost, never the result."""

from __future__ import annotations

from collections.abc import Collection, Iterable

__all__ = ["keep", "surplus"]


def keep(ends: Collection[int], limit: int) -> set[int]:
    """At most `limit` of the ends: the newest, and others at equal steps before it."""
    ordered = sorted(ends)
    if len(ordered) <= limit:
        return set(ordered)
    step = len(ordered) / limit
    return {ordered[round(len(ordered) - i * step) - 1] for i in range(limit)}


def surplus(held: Iterable[int], limit: int) -> set[int]:
    """Which of the held states to drop: again and again the one whose neighbours are closest together.

    The newest always stays. Spacing counts from 0, the empty state, which costs nothing to keep.
    """
    kept = [0, *sorted(held)]
    gone: set[int] = set()
    while len(kept) - 1 > limit and len(kept) > 2:
        gaps = [(kept[i + 1] - kept[i - 1], i) for i in range(1, len(kept) - 1)]
        gone.add(kept.pop(min(gaps)[1]))
    return gone

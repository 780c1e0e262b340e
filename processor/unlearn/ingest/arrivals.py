"""What this model has sent on counts once in each partition: an event that comes again does nothing. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from unlearn.ingest.classify import Deletion, Insertion, Item

__all__ = ["Fresh", "arrivals_of", "fresh"]


class Fresh(NamedTuple):
    """The items that do something, how many came again, and the digests of what arrives for the first time."""

    items: list[Item]
    repeated: int
    arrivals: dict[bytes, None]


def arrivals_of(items: Sequence[Item]) -> list[bytes]:
    """The digests of those items that were sent on, each once."""
    return list(
        dict.fromkeys(item.arrival for item in items if isinstance(item, Insertion | Deletion) and item.arrival)
    )


def fresh(items: Sequence[Item], known: Collection[bytes]) -> Fresh:
    """The items without those that were sent on and are `known`, or stand among the items before."""
    found = Fresh([], 0, {})
    repeated = 0
    for item in items:
        arrival = item.arrival if isinstance(item, Insertion | Deletion) else b""
        if arrival and (arrival in known or arrival in found.arrivals):
            repeated += 1
            continue
        if arrival:
            found.arrivals[arrival] = None
        found.items.append(item)
    return found._replace(repeated=repeated)

"""What was sent on counts once in each partition: an event that comes again does nothing. Pure.

Of inserts and deletions that is what this model has sent on, which its mark proves. Lifts count once whoever has sent
them: another's that comes late would end a deletion that came in between.
"""

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
    """The items without those that were sent on and are `known`, or stand among the items before.

    A lift stays, to be answered like the first.
    """
    found = Fresh([], 0, {})
    repeated = 0
    for item in items:
        arrival = item.arrival if isinstance(item, Insertion | Deletion) else b""
        if arrival and (arrival in known or arrival in found.arrivals):
            repeated += 1
            if isinstance(item, Deletion) and item.effect == "lift":
                found.items.append(item._replace(again=True))
            continue
        if arrival:
            found.arrivals[arrival] = None
        found.items.append(item)
    return found._replace(repeated=repeated)

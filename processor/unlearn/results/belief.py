"""Which records on the results topic are believed: docs/design.md, section 8. Pure.

Whoever may write to the topic may write anything, and readers keep the highest counter that they have seen. So a
counter has a limit, which grows with the record's offset: whatever counter one record bears, a later record may bear a
higher one, so an owner that claims again is believed again.
"""

from __future__ import annotations

from typing import NamedTuple

from unlearn.results.manifest import Manifest

__all__ = ["MOST_COUNTER", "Refusal", "foreign", "most_counter", "same_counter"]

_CLAIMS = 2**32
"""Claims that a partition never exceeds: one in each second of 136 years."""
_CLAIMS_A_RECORD = 2**12
"""By how much the limit grows with each record of the topic; most claims write a record or more."""
MOST_COUNTER = 2**52
"""The limit of all counters, so that JSON readers and Redis' scripts can represent each of them exactly."""


class Refusal(NamedTuple):
    """A record that is not believed: its results offset, the partition that its key names, and why."""

    offset: int
    partition: int
    reason: str


def most_counter(offset: int) -> int:
    """The highest counter that is believed of a record at this results offset."""
    return min(_CLAIMS + _CLAIMS_A_RECORD * offset, MOST_COUNTER)


def foreign(model: str, partition: int, offset: int, manifest: Manifest) -> str | None:
    """Why the manifest under a partition's key can't have been written by the partition's owner; None if it can.

    `offset`: the record's results offset.
    """
    if manifest.model != model:
        return "it is of another model"
    if manifest.partition != partition:
        return f"it is of partition {manifest.partition}"
    if manifest.start > manifest.applied:
        return f"it starts at {manifest.start}, beyond what it has applied"
    if manifest.token.counter > most_counter(offset):
        return f"no claim gave the counter {manifest.token.counter}"
    return None


def same_counter(first: Manifest, second: Manifest) -> bool:
    """Whether two owners of a partition wrote these under one counter.

    Redis gives a counter twice where it was rolled back. What the earlier owner has sent may then arrive behind what
    the later one has published, with a higher sequence; so the first on the topic holds, and the other one claims
    again.
    """
    return first.token.counter == second.token.counter and first.token.nonce != second.token.nonce

"""What is believed of a record on the results topic: pure decisions (DESIGN 8).

Whoever may write to the topic may write anything, and readers keep the highest counter that they have seen. So
a counter has a limit, and the limit grows with the record's offset: whatever counter one record bears, those
behind it have room above it, and an owner that outbids it is believed again.
"""

from __future__ import annotations

from typing import NamedTuple

from unlearn.results.manifest import Manifest

__all__ = ["MOST_COUNTER", "Refusal", "foreign", "most_counter"]

_CLAIMS = 2**32
"""More than a partition sees in its lifetime: one a second for 136 years."""
_CLAIMS_A_RECORD = 2**12
"""How much further the limit lies with each record. Most claims write some."""
MOST_COUNTER = 2**52
"""The limit never reaches the integers that JSON readers and Redis' scripts can't tell apart."""


class Refusal(NamedTuple):
    """A record that is not believed: its results offset, the partition its key names, and why."""

    offset: int
    partition: int
    reason: str


def most_counter(offset: int) -> int:
    """The highest counter that is believed of a record at this results offset."""
    return min(_CLAIMS + _CLAIMS_A_RECORD * offset, MOST_COUNTER)


def foreign(model: str, partition: int, offset: int, manifest: Manifest) -> str | None:
    """Why a manifest under a partition's key can't be of the partition's owner; None if it can."""
    if manifest.model != model:
        return "it is of another model"
    if manifest.partition != partition:
        return f"it is of partition {manifest.partition}"
    if manifest.start > manifest.applied:
        return f"it starts at {manifest.start}, beyond what it has applied"
    if manifest.token.counter > most_counter(offset):
        return f"no claim gave the counter {manifest.token.counter}"
    return None

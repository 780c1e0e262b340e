"""What a plan is made of: what is known of those that a batch names, and all that it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from unlearn.ingest.classify import Insertion
from unlearn.partition.ledger import Kill
from unlearn.partition.tables import Change
from unlearn.state.aliases import Alias
from unlearn.state.copies import Copy
from unlearn.state.entries import Entry, Subject

__all__ = ["Frame", "Lookups", "Plan", "Row"]


class Lookups(NamedTuple):
    """What Redis holds of the records, subjects and aliases that a batch names, by digest; unknown ones are missing.

    Of an entry whose pairs stand apart, `pairs` has those that the batch names; or all, where a deletion under every
    subject reaches above the entry's tombstone: only then can it kill a pair that the batch doesn't name.
    Of an alias that the batch deletes `aliases` has all targets, and `records` and `subjects` have these.
    """

    records: dict[bytes, Entry]
    subjects: dict[bytes, Subject]
    aliases: Mapping[bytes, Alias] = MappingProxyType({})


class Frame(NamedTuple):
    """The interval [start, stop) of offsets that a batch covers, and the settings that a plan needs; times in s."""

    start: int
    stop: int
    shards: int
    slice_span: int
    forget_within: float
    update_within: float
    folds: bool
    """True for a learner that can't forget: a kill then drops the stored states that hold the row."""
    now: int | None = None
    """ms since the epoch: a timestamp that can't be true is dated by it. None takes every timestamp as it is."""


class Row(NamedTuple):
    """An accepted insert: it becomes its record's row, whose slot is the insert's offset."""

    slot: int
    shard: int
    insertion: Insertion


@dataclass(slots=True)
class Plan:
    """Everything that a batch changes. The memberships to write are `records`, `subjects` and `aliases`."""

    stop: int
    rows: list[Row] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    records: dict[bytes, Entry] = field(default_factory=dict)
    subjects: dict[bytes, Subject] = field(default_factory=dict)
    aliases: dict[bytes, Alias] = field(default_factory=dict)
    covered: list[Kill] = field(default_factory=list)
    """For each subject deleted here, its first slot, the death and the shard.

    All rows of the subject from that slot on are dead.
    """
    copied: dict[Copy, int] = field(default_factory=dict)
    """Copy of a deletion that was read in another partition -> rows that it has killed here, if any, or LATER."""
    ends: list[int] = field(default_factory=list)
    change: Change = field(default_factory=Change)
    counts: Counter[str] = field(default_factory=Counter)

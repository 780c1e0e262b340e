"""When training of a shard is given up for now: docs/design.md, section 7. Pure decisions.

A job that breaks its trainer may take others down with it, so only a crash of a job that ran alone counts. The third
puts the shard into quarantine: it is left out, the others go on. It is tried again when a row at or before the slice
where it fails changes, or by command.
"""

from __future__ import annotations

from unlearn.partition.tables import Crash, Tables

__all__ = ["LIMIT", "after_crash", "in_quarantine", "quarantined"]

LIMIT = 3


def after_crash(before: Crash | None, end: int) -> Crash:
    """The shard's count after a job up to slice `end` crashed alone."""
    return Crash((before.times if before else 0) + 1, end)


def in_quarantine(crash: Crash | None) -> bool:
    """Whether the shard has crashed as often as LIMIT allows."""
    return crash is not None and crash.times >= LIMIT


def quarantined(view: Tables) -> list[int]:
    """The shards of the partition that are in quarantine, sorted."""
    return [shard for shard, crash in sorted(view.crashes.items()) if in_quarantine(crash)]

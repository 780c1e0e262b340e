"""Burials: rows that are dead get their holes in Redis, and are counted as holes instead of rows."""

from __future__ import annotations

from collections.abc import Iterable

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.ledger import Ledger
from unlearn.partition.receipts.copy_kills import note_copy_kills
from unlearn.partition.receipts.pending import OpenCopy, Pending
from unlearn.partition.tables import Change, Cleanup
from unlearn.state.copies import Copy
from unlearn.state.lookups import write_holes

__all__ = ["put_burials", "put_counts"]


def put_burials(owned: ClaimedPartition, change: Change, ledger: Ledger) -> None:
    """Add to the change what the ledger buried: holes, slice tables, counts. The caller writes the entries."""
    view = owned.view
    ledger.settle(change, view.applied, drop_states=False)
    holes = ((kill.shard, view.start_of(kill.slot), kill.slot, kill.death) for kill in ledger.kills)
    change.ops += write_holes(owned.state.keys, holes)
    change.put("meta", "live", view.number("live") - len(ledger.kills))
    change.put("meta", "holes", view.number("holes") + len(ledger.kills))


def put_counts(owned: ClaimedPartition, change: Change, done: Iterable[Cleanup]) -> None:
    """Add to the change how many rows the deletions have killed whose clean-ups are done, as far as somebody asks."""
    view, copied = owned.view, dict[Copy, int]()
    for death, killed in (one for cleanup in done for one in cleanup.counts.items()):
        for name, table in (("pending", view.pending), ("uncounted", view.uncounted)):
            held: Pending | None = change.tables.get(name, {}).get(death, table.get(death))
            if held is not None and held.awaits_count:
                change.put(name, death, held.after_cleanup(killed))
        copy: OpenCopy | None = change.tables.get("open_copies", {}).get(death, view.open_copies.get(death))
        if copy is not None:
            copy = copy.after_cleanup(killed)
            if copy.cleanups:
                change.put("open_copies", death, copy)
            else:
                change.drop("open_copies", death)
                copied[Copy(copy.original, death)] = copy.killed
    note_copy_kills(change, view, owned.state.keys, copied)

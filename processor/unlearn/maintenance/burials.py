"""Burials: rows that are dead get their holes in Redis, and are counted as holes instead of rows."""

from __future__ import annotations

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.ledger import Ledger
from unlearn.partition.tables import Change, Cleanup, Tables
from unlearn.state.lookups import write_holes

__all__ = ["put_burials", "put_count"]


def put_burials(owned: ClaimedPartition, change: Change, ledger: Ledger) -> None:
    """Add to the change what the ledger buried: holes, slice tables, counts. The caller writes the entries."""
    view = owned.view
    ledger.settle(change, view.applied, drop_states=False)
    holes = ((kill.shard, view.start_of(kill.slot), kill.slot, kill.death) for kill in ledger.kills)
    change.ops += write_holes(owned.state.keys, holes)
    change.put("meta", "live", view.number("live") - len(ledger.kills))
    change.put("meta", "holes", view.number("holes") + len(ledger.kills))


def put_count(view: Tables, change: Change, cleanup: Cleanup) -> None:
    """Add to the change how many rows the deletions have killed whose clean-up is done, as far as receipts are owed."""
    for death, killed in cleanup.counts.items():
        for name, table in (("pending", view.pending), ("uncounted", view.uncounted)):
            held = table.get(death)
            if held is not None and held.awaits_count:
                change.put(name, death, held._replace(records=killed))

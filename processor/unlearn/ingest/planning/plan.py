"""What a batch of events changes: the rules of docs/design.md, section 3, as a pure function that never fails.

The rules commute with batch boundaries, repetition and background work: what an event does to a record depends only on
the record's entry, its subject's entry and the events' offsets. A plan never says that a deletion is hidden; only a
manifest does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from unlearn.ingest.classify import Deletion, Insertion, Item, Sealing
from unlearn.ingest.planning.batch import Batch
from unlearn.ingest.planning.deletions import Deletions
from unlearn.ingest.planning.inserts import Inserts
from unlearn.ingest.planning.lifts import lift
from unlearn.ingest.planning.owed import send_on
from unlearn.ingest.planning.planned import Frame, Lookups, Plan
from unlearn.partition.ledger import NO_COLUMNS, Columns
from unlearn.partition.tables import Tables

__all__ = ["plan"]


def plan(
    items: Iterable[Item],
    lookups: Lookups,
    view: Tables,
    frame: Frame,
    columns: Columns = NO_COLUMNS,
    tally: Mapping[str, int] = MappingProxyType({}),
) -> Plan:
    """What the items of [frame.start, frame.stop) change, given what is known of those that they name.

    `columns`: the rows of further inserts, each of a record that is new to the partition and named nowhere else in the
    batch. They are counted; their entries and their subjects' are the caller's to write. `tally`: what else is counted.
    """
    batch = Batch(lookups, view, frame, columns)
    batch.plan.counts["inserts"] = len(columns.slots)
    batch.plan.counts.update(tally)
    _apply(batch, items)
    batch.ledger.settle(batch.plan.change, frame.stop, frame.folds)
    batch.plan.kills, batch.plan.ends = batch.ledger.kills, batch.ledger.ends
    _count(batch, len(columns.slots))
    return batch.plan


def _apply(batch: Batch, items: Iterable[Item]) -> None:
    """Apply the items in order."""
    deletions = Deletions(batch)
    inserts = Inserts(batch, deletions)
    for item in items:
        batch.ledger.reach(item.offset)
        if isinstance(item, Insertion):
            inserts.insert(item)
        elif isinstance(item, Deletion):
            if item.effect == "lift":
                lift(batch, item)
            else:
                deletions.delete(item)
        elif isinstance(item, Sealing):
            batch.plan.counts["seals"] += 1
            batch.ledger.end_slice(item.offset + 1)
        else:
            send_on(batch, item)


def _count(batch: Batch, new: int) -> None:
    """Write the totals. `new`: how many rows came in columns."""
    plan, counts = batch.plan, batch.plan.counts
    counts["live"] = new + len(plan.rows) - len(plan.kills)
    counts["holes"] = len(plan.kills)
    for name, more in counts.items():
        if more:  # tombstones become fewer, too
            plan.change.put("meta", name, batch.view.number(name) + more)

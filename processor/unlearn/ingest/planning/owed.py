"""What a batch owes: answers to the senders of deletions and lifts, and messages that are to be sent on."""

from __future__ import annotations

from unlearn.events.partitioner import tag_of
from unlearn.forwarding.dues import ACCEPTED, COPIES, HOME, IN_ORDER, Letter, counter_of
from unlearn.ingest.classify import Deletion, Refused, Sending
from unlearn.ingest.planning.batch import Batch
from unlearn.partition.receipts.pending import LATER, Pending
from unlearn.partition.tables import Unresolved
from unlearn.state.entries import NO_PAIR, NO_ROW

__all__ = ["await_answer", "send_on"]


def await_answer(batch: Batch, item: Deletion, killed: int | None, cleanups: int | None = None) -> None:
    """Note that the sender is to be answered, if one is waiting.

    `killed`: how many rows the deletion has killed here, or LATER; None for a lift. `cleanups`: as in `Pending`.
    """
    if item.receipt:
        clock = batch.clock(item.since, item.forget_within)
        records = None if item.copies or killed == LATER or cleanups else killed
        copies: dict[str, int] | None = {} if item.copies else None
        lifts = item.effect == "lift"
        held = Pending(*clock, copies, True, batch.frame.now, killed, records, lifts=lifts, cleanups=cleanups)
        batch.plan.change.put("pending", item.offset, held)
        due = [ACCEPTED, COPIES] if item.copies else [ACCEPTED]
        batch.plan.change.put("outbox", item.offset, [*due, IN_ORDER] if lifts and item.copies else due)


def send_on(batch: Batch, item: Sending) -> None:
    """Note that the record is to be sent home or to the dead letters; a possible deletion stays open, too."""
    plan = batch.plan
    plan.counts[item.kind] += 1
    if item.kind == HOME:
        plan.change.put("outbox", item.offset, [HOME, IN_ORDER] if item.in_order else [HOME])
        return
    plan.counts[counter_of(item.reason, batch.view.meta, plan.counts)] += 1
    since, deadline = batch.clock(item.since, item.forget_within)
    letter = Letter(item.reason, item.answers, at=batch.frame.now, deadline=deadline)
    plan.change.put("outbox", item.offset, letter.due())
    if item.kind == "unresolved":
        plan.change.put("unresolved", item.offset, Unresolved(item.reason, deadline, since))
    elif item.refused is not None and _was_update(batch, item.refused):
        plan.counts["refused_updates"] += 1


def _was_update(batch: Batch, refused: Refused) -> bool:
    """Whether the refused insert was to replace a row, so that an older revision stays in force.

    Off the insert's home the row can't be looked up: there any revision above 0 counts as an update.
    """
    if not refused.at_home:
        return refused.revision > 0
    tag = tag_of(refused.who.subject)
    pair = batch.entry(refused.who.record).pairs.get(tag, NO_PAIR)
    return pair.slot != NO_ROW and refused.revision > pair.revision and not batch.is_covered(tag, pair.slot)

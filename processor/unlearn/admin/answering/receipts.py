"""The receipts that were sent for events."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from unlearn.admin.answering.report import ReceiptTold
from unlearn.log.protocol import Log
from unlearn.results.manifest import Receipt, read_receipt
from unlearn.verification.report import Progress

__all__ = ["read_receipts", "receipts_told"]

_PROGRESS_EVERY = 1000


def read_receipts(log: Log, topic: str, start: int, event_ids: Collection[str], progress: Progress) -> list[Receipt]:
    """The receipts of these events from an offset on. Raises LogUnavailable, TopicMissing."""
    _, end = log.bounds(topic)[0]
    keys, found = {event_id.encode() for event_id in event_ids}, list[Receipt]()
    for record in log.read(topic, 0, start, end):
        if record.offset % _PROGRESS_EVERY == 0:
            progress("receipts", record.offset, end)
        receipt = read_receipt(record.value) if record.key in keys else None
        if receipt is not None:
            found.append(receipt)
    progress("receipts", end, end)
    return found


def receipts_told(receipts: Iterable[Receipt]) -> tuple[ReceiptTold, ...]:
    """The receipts of one event at one place: the first of each state, with the count that came first."""
    told: dict[str, ReceiptTold] = {}
    for receipt in receipts:
        before = told.get(receipt.state)
        if before is None:
            told[receipt.state] = _told(receipt)
        elif before.records is None and receipt.records is not None:
            told[receipt.state] = before.model_copy(update={"records": receipt.records})
    return tuple(told.values())


def _told(receipt: Receipt) -> ReceiptTold:
    return ReceiptTold(
        state=receipt.state,
        at=receipt.at,
        records=receipt.records,
        version=receipt.version,
        deadline=receipt.deadline,
        met=receipt.met,
        reason=receipt.reason,
    )

"""How long deletions took until they were hidden, by their receipts: what the next one may be expected to take."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from unlearn.results.manifest import Receipt
from unlearn.timestamps import parse_timestamp

__all__ = ["Took", "took"]


class Took(NamedTuple):
    """Seconds from a deletion's application to `hidden`, of the last `deletions` that were answered; None without."""

    deletions: int
    median: float | None
    most: float | None


def took(receipts: Iterable[Receipt]) -> Took:
    """Of the deletions whose `hidden` receipts these are, each by its first one."""
    seconds: dict[tuple[int, int], float] = {}
    for receipt in receipts:
        began, ended = parse_timestamp(receipt.accepted_at or ""), parse_timestamp(receipt.at or "")
        if receipt.state == "hidden" and began is not None and ended is not None:
            seconds.setdefault((receipt.partition, receipt.offset), (ended - began) / 1000)
    values = list(seconds.values())
    return Took(len(values), median(values) if values else None, max(values, default=None))

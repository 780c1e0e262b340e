"""What must hold of a model's receipts: they say the same when they come again, and what the log itself shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from unlearn.results.manifest import Position, Receipt
from unlearn.simulate.judging.violations import Wrong, equal
from unlearn.timestamps import parse_timestamp

__all__ = ["Applied", "Told", "applied_of", "check_counts", "check_repeats", "check_times", "told_in"]

_OF_ITS_TIME = {"accepted_at": None, "at": None, "met": None, "version": None}


class Told(NamedTuple):
    """A record of the receipts topic: its bytes, and what they say."""

    value: bytes
    receipt: Receipt


Applied = Position
"""Where the event that a receipt speaks of was applied; where it was sent, if it was refused."""


def told_in(value: bytes | None) -> Told:
    """The receipt in these bytes."""
    return Told(value or b"", Receipt.model_validate_json(value or b""))


def applied_of(receipt: Receipt) -> Applied:
    """The place of the event that the receipt speaks of."""
    return receipt.applied_at or Position(partition=receipt.partition, offset=receipt.offset)


def check_repeats(told: Sequence[Told], *, steady: bool) -> None:
    """Check that receipts of one event and state are equal, but for a count that came later. Raises Wrong.

    Unless `steady`, Redis has lost what it knew, and times may differ.
    """
    found: dict[tuple[str, Position], set[bytes]] = defaultdict(set)
    for value, receipt in told:
        kept = receipt.model_copy(update={} if steady else _OF_ITS_TIME)
        equal("a receipt in its shortest form", receipt.encode(), value)
        found[receipt.state, applied_of(receipt)].add(kept.model_copy(update={"records": None}).encode())
    for key, values in found.items():
        if len(values) > 1:
            raise Wrong(f"different receipts of {key}: {values}")
    for key, counts in _counts(told).items():
        if len(counts - {None}) > 1 or (key[0] != "hidden" and len(counts) > 1):
            raise Wrong(f"different counts in receipts of {key}: {counts}")


def check_times(told: Iterable[Told]) -> None:
    """Check that times are there and in order, and that `met` follows from them. Raises Wrong."""
    for _, receipt in told:
        names = ["at"] + ["accepted_at"] * (receipt.state != "refused")
        names += ["deadline"] * (receipt.state in ("hidden", "refused"))
        times = {name: parse_timestamp(getattr(receipt, name) or "") for name in names}
        if None in times.values():
            raise Wrong(f"{receipt} lacks one of {names}")
        at, deadline, accepted = (times.get(name) or 0 for name in ("at", "deadline", "accepted_at"))
        if accepted > at:
            raise Wrong(f"{receipt} was accepted after it was {receipt.state}")
        equal(f"met of {receipt}", receipt.met, at <= deadline if receipt.state == "hidden" else None)


def check_counts(told: Sequence[Told], must: Mapping[Position, int]) -> None:
    """Check that each hidden deletion was told its count in the end, and no other one. Raises Wrong.

    `must`: how many rows each event has killed, by where it was applied.
    """
    for (state, place), counts in _counts(told).items():
        if state == "refused" or place not in must:
            equal(f"count of a refused event or a lift at {place}", counts, {None})
        elif state == "hidden":
            equal(f"count of the deletion at {place}", counts - {None}, {must[place]})
        else:
            equal(f"count of the accepted deletion at {place}", counts <= {None, must[place]}, True)


def _counts(told: Iterable[Told]) -> dict[tuple[str, Position], set[int | None]]:
    found: dict[tuple[str, Position], set[int | None]] = defaultdict(set)
    for _, receipt in told:
        found[receipt.state, applied_of(receipt)].add(receipt.records)
    return found

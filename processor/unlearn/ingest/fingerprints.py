"""The fingerprint of the last record applied: by it a log that was truncated and has grown again is recognised.

Redis keeps it with the partition's `meta`, manifests carry it.
"""

from __future__ import annotations

from unlearn.events.partitioner import Digests
from unlearn.log.protocol import Record
from unlearn.partition.tables import Change, Tables
from unlearn.results.manifest import Fingerprint

__all__ = ["fingerprint_of", "is_of", "note_fingerprint"]


def note_fingerprint(change: Change, digests: Digests, last: Record) -> None:
    """Add to the change that Redis keeps the fingerprint of `last`, the last record of a batch."""
    change.put("meta", "fp_offset", last.offset)
    change.put("meta", "fp_epoch", last.leader_epoch)
    change.put("meta", "fp_digest", digests.log_record(last.key, last.value))
    # An older version doesn't write the time, so the offset tells whether the time is of the same record.
    change.put("meta", "fp_time", f"{last.offset}:{last.timestamp}")


def fingerprint_of(view: Tables) -> Fingerprint | None:
    """The fingerprint that Redis keeps of the partition; None before the first record."""
    if "fp_offset" not in view.meta:
        return None
    offset, _, timestamp = view.meta.get("fp_time", ":").partition(":")
    return Fingerprint(
        offset=view.number("fp_offset"),
        epoch=view.number("fp_epoch"),
        digest=view.meta["fp_digest"],
        timestamp=int(timestamp) if offset == view.meta["fp_offset"] else None,
    )


def is_of(mark: Fingerprint, record: Record, digests: Digests) -> bool:
    """Whether `record`, read at the fingerprint's offset, is the record that was applied.

    Keyed digests of key and value must agree, and leader epochs and timestamps where both are known.
    """
    known_epochs = -1 not in (mark.epoch, record.leader_epoch)
    return (
        mark.digest == digests.log_record(record.key, record.value)
        and (mark.epoch == record.leader_epoch or not known_epochs)
        and mark.timestamp in (None, record.timestamp)
    )

"""The results topic as it stands: each partition's newest manifest, and the heartbeats that named it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from processor.log.protocol import Record, Tail
from processor.manifest import (
    Heartbeat,
    Manifest,
    heartbeat_key,
    manifest_key,
    read_heartbeat,
    read_manifest,
)

__all__ = ["Published", "Results"]

_DIGITS = 9
"""A partition number has no more; Python refuses to read very long ones."""


@dataclass(slots=True)
class Published:
    """One partition: its newest manifest by (counter, sequence), where it stands, and what named it last."""

    manifest: Manifest | None = None
    offset: int = -1
    last: Manifest | None = None
    """What stands last on the topic, a zombie's included: compaction leaves only that."""
    last_offset: int = -1
    named: Manifest | None = None
    """The newest manifest that a heartbeat has named."""
    heartbeat_at: float | None = None
    """Monotonic seconds of the newest heartbeat; None before the first, and where its date is unknown."""
    heartbeat: Heartbeat | None = None
    """The newest one read whose counter was the highest then."""
    highest_counter: int = -1
    """The highest counter seen in manifests and heartbeats."""
    highest_applied: int = 0
    """The highest `applied` of any manifest seen, a zombie's included."""


@dataclass(slots=True)
class Results:
    """Merges what a tail brings. `version` is the results offset of the newest manifest merged.

    `date` says since when, in monotonic seconds, a record at an offset may have been on the topic; without
    it a heartbeat is as old as its reading.
    """

    model: str
    partitions: dict[int, Published] = field(default_factory=dict)
    version: int | None = None
    clock: Callable[[], float] = time.monotonic
    date: Callable[[int], float | None] | None = None

    def of(self, partition: int) -> Published:
        return self.partitions.setdefault(partition, Published())

    def merge(self, records: Iterable[Record]) -> None:
        """Take records in offset order; what is no manifest or heartbeat of this model is passed over."""
        for record in records:
            found = _partition_of(self.model, record.key)
            if found is None or record.value is None:
                continue
            partition, beats = found
            if beats:
                self._beat(self.of(partition), record.offset, read_heartbeat(record.value))
            else:
                self._manifest(partition, record.offset, read_manifest(record.value))

    def follow(self, tail: Tail, timeout: float = 5.0) -> bool:
        """Read to the topic's end as it is now. False if that took longer than `timeout` seconds."""
        end, deadline = tail.end(), time.monotonic() + timeout
        while tail.position < end:
            self.merge(tail.poll(min(0.5, timeout)))
            if time.monotonic() > deadline and tail.position < end:
                return False
        return True

    def _manifest(self, partition: int, offset: int, manifest: Manifest | None) -> None:
        if manifest is None or manifest.model != self.model or manifest.partition != partition:
            return
        held = self.of(partition)
        held.highest_counter = max(held.highest_counter, manifest.token.counter)
        held.highest_applied = max(held.highest_applied, manifest.applied)
        held.last, held.last_offset = manifest, offset
        # The same one sent again counts at its new place: compaction leaves only that.
        if held.manifest is None or manifest.order > held.manifest.order or manifest == held.manifest:
            held.manifest, held.offset = manifest, offset
            self.version = max(offset, self.version if self.version is not None else -1)

    def _beat(self, held: Published, offset: int, beat: Heartbeat | None) -> None:
        # A late one of an earlier owner must not stand in for its successor's.
        if beat is None or beat.counter < held.highest_counter:
            return
        held.highest_counter = beat.counter
        held.heartbeat = beat
        held.heartbeat_at = self.date(offset) if self.date else self.clock()
        newest = held.manifest
        if newest and (beat.counter, beat.nonce, beat.sequence) == (*_token(newest), newest.sequence):
            held.named = newest


def _token(manifest: Manifest) -> tuple[int, str]:
    return manifest.token.counter, manifest.token.nonce


def _partition_of(model: str, key: bytes | None) -> tuple[int, bool] | None:
    """(partition, whether it is a heartbeat's key); None for keys of others."""
    parts = (key or b"").decode("utf-8", "replace").split("/")
    if len(parts) not in (2, 3) or not (parts[1].isdecimal() and len(parts[1]) <= _DIGITS):
        return None
    partition = int(parts[1])
    if key == manifest_key(model, partition):
        return partition, False
    return (partition, True) if key == heartbeat_key(model, partition) else None

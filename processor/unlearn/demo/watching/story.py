"""What the topics tell: how long deletions took, and one record's way through the versions. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from unlearn.events.event import Insert
from unlearn.events.partitioner import Digests, shard_of
from unlearn.log.protocol import Record
from unlearn.results.manifest import Manifest, ShardEntry, read_manifest, read_receipt
from unlearn.settings import Settings

__all__ = ["NEVER", "Place", "Seen", "Standing", "Timeline", "hiding_times", "shard_in", "timeline"]

Place = tuple[int, int]
"""(partition, offset)."""


NEVER = 2**62
"""An offset that no log reaches."""


class Standing(NamedTuple):
    """A manifest on the results topic; its offset is the version it makes. Timestamp in ms since 1970."""

    version: int
    timestamp: int
    manifest: Manifest


class Told(NamedTuple):
    """A receipt as it stands on its topic: when it was appended (ms since 1970), and the version it names."""

    timestamp: int
    version: int | None


@dataclass(slots=True)
class Seen:
    """Everything seen on the results and receipts topics."""

    standings: list[Standing] = field(default_factory=list)
    accepted: dict[Place, Told] = field(default_factory=dict)
    hidden: dict[Place, Told] = field(default_factory=dict)

    def add_results(self, records: Iterable[Record]) -> None:
        """Take in new records of the results topic; those that are no manifests are passed over."""
        for record in records:
            manifest = read_manifest(record.value or b"")
            if manifest is not None:
                self.standings.append(Standing(record.offset, record.timestamp, manifest))

    def add_receipts(self, records: Iterable[Record]) -> None:
        """Take in new records of the receipts topic. Of a receipt that was sent twice the first counts."""
        for record in records:
            receipt = read_receipt(record.value)
            told = None if receipt is None else {"accepted": self.accepted, "hidden": self.hidden}.get(receipt.state)
            if receipt is not None and told is not None:
                told.setdefault((receipt.partition, receipt.offset), Told(record.timestamp, receipt.version))


def hiding_times(seen: Seen, deleted_at: Mapping[Place, int]) -> list[float]:
    """Seconds from each deletion's arrival in the log to the version that its receipt names, in rising order."""
    stood = {standing.version: standing.timestamp for standing in seen.standings}
    times = [
        (stood[told.version] - deleted_at[place]) / 1000
        for place, told in seen.hidden.items()
        if place in deleted_at and told.version in stood
    ]
    return sorted(max(0.0, time) for time in times)


def shard_in(settings: Settings, insert: Insert) -> int:
    """The record's shard within its partition."""
    digests = Digests(settings.secret_bytes)
    owner = digests.subject(insert.subject_id) if insert.subject_id else digests.record(insert.record_id)
    return shard_of(owner, settings.shards_per_partition)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The manifests that mark a record's way, each with the entry of the record's shard; None where there was none."""

    holding: tuple[Standing, ShardEntry] | None
    """The first one that held the record."""
    last: tuple[Standing, ShardEntry] | None
    """The last one that held it."""
    clean: tuple[Standing, ShardEntry] | None
    """The first one after the record's deletion, which by the model's promise holds no deleted row."""
    whole: tuple[Standing, ShardEntry] | None
    """The first one after the deletion whose state goes past the record's slot again: retrained without it."""


def timeline(standings: Sequence[Standing], inserted: Place, deleted: Place, shard: int) -> Timeline:
    """What the manifests say of a record.

    One holds it if its shard's `through` > its slot and `applied` <= its death.
    """
    partition, slot = inserted
    mine = [(s, s.manifest.shards[shard]) for s in standings if s.manifest.partition == partition]
    holding = [(s, entry) for s, entry in mine if entry.through > slot and s.manifest.applied <= deleted[1]]
    clean = [(s, entry) for s, entry in mine if s.manifest.applied > deleted[1]]
    whole = [(s, entry) for s, entry in clean if entry.through > slot]
    return Timeline(
        holding[0] if holding else None,
        holding[-1] if holding else None,
        clean[0] if clean else None,
        whole[0] if whole else None,
    )

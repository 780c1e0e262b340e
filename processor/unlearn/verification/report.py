"""What a verification found: one verdict a shard, and the exit code that all of them make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from unlearn.results.manifest import Manifest, ShardEntry

__all__ = [
    "EXIT_CODES",
    "Finding",
    "Progress",
    "Report",
    "ShardVerdict",
    "Verdict",
    "different",
    "for_all",
    "verdict_of",
]

Verdict = Literal["equal", "different", "pending", "incomparable"]

EXIT_CODES: Mapping[Verdict, int] = {"equal": 0, "different": 1, "pending": 2, "incomparable": 3}
_WORST_FIRST: tuple[Verdict, ...] = ("different", "incomparable", "pending", "equal")

Finding = tuple[Verdict, str]
"""A verdict and its reason."""

Progress = Callable[[str, int, int], None]
"""(what, done, total): called as the work goes on, with growing `done`."""


@dataclass(frozen=True, slots=True)
class ShardVerdict:
    """One shard's published state against what it must be.

    equal: the same bytes, and nothing left to cover. pending: the same bytes, but the reason says what is not covered
    yet. incomparable: it can't be told here, and the reason says why. `through` to `digest` are those of the published
    entry, None where there is none.
    """

    partition: int
    shard: int
    verdict: Verdict
    reason: str = ""
    through: int | None = None
    applied: int | None = None
    rows: int | None = None
    digest: str | None = None


def verdict_of(manifest: Manifest, entry: ShardEntry, finding: Finding) -> ShardVerdict:
    """The verdict on a shard that a finding makes, with the figures of the shard's entry."""
    return ShardVerdict(
        manifest.partition,
        entry.shard,
        *finding,
        through=entry.through,
        applied=manifest.applied,
        rows=entry.rows,
        digest=entry.digest,
    )


def for_all(manifest: Manifest, shards: int, finding: Finding) -> list[ShardVerdict]:
    """The same finding for every shard of the partition, and for shards that the manifest names beyond them."""
    entries = {entry.shard: entry for entry in manifest.shards}
    return [
        verdict_of(manifest, entries[shard], finding)
        if shard in entries
        else ShardVerdict(manifest.partition, shard, *finding, applied=manifest.applied)
        for shard in sorted({*range(shards), *entries})
    ]


def different(reason: str | None) -> Finding | None:
    """The finding "different" for this reason; None where there is no reason."""
    return ("different", reason) if reason else None


@dataclass(frozen=True, slots=True)
class Report:
    """All shards' verdicts. `version` is the version that was compared; None before the first."""

    shards: tuple[ShardVerdict, ...]
    version: int | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of the shards'; a model without any has nothing to show: pending."""
        found = {shard.verdict for shard in self.shards} or {"pending"}
        return next(verdict for verdict in _WORST_FIRST if verdict in found)

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many shards have each verdict; those that none has are left out."""
        counted = Counter(shard.verdict for shard in self.shards)
        return {verdict: counted[verdict] for verdict in reversed(_WORST_FIRST) if counted[verdict]}

    def to_json(self) -> dict[str, object]:
        """The object that `unlearn verify --json` prints."""
        return {
            "verdict": self.verdict,
            "version": self.version,
            "counts": self.counts,
            "shards": [asdict(shard) for shard in self.shards],
        }

"""The verdicts on a manifest, by what its partition's log must give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from unlearn.results.manifest import Manifest, ShardEntry
from unlearn.scoring.trust import contradiction, unlisted
from unlearn.verification.reference_fold import Folded
from unlearn.verification.report import Finding, ShardVerdict, different, for_all, verdict_of
from unlearn.verification.subject import Subject

__all__ = ["Truth", "incomparable", "judge"]


class Truth(Protocol):
    """What one partition's log must give, as of any `applied` up to where it was read."""

    def is_end(self, offset: int) -> bool:
        """Whether a slice may end here; 0 is the end before the first."""
        ...

    def last_end(self, applied: int) -> int:
        """The newest slice end up to `applied` with an accepted row in its slice, in any shard; 0 if there is none."""
        ...

    def states(self, through: Mapping[int, int], applied: int) -> Mapping[int, Folded]:
        """The state of each shard that `through` names, at the slice end that it gives; none of these lies beyond
        `applied`."""
        ...


def judge(subject: Subject, truth: Truth, manifest: Manifest, end: int) -> list[ShardVerdict]:
    """The verdicts on one manifest; `end` is how far it should have applied.

    Not only the newest manifest can be judged so, but any that was ever published. Raises what `truth` raises.
    """
    finding = incomparable(subject, manifest) or different(unlisted(manifest, subject.model.shards))
    if finding:
        return for_all(manifest, subject.model.shards, finding)
    states = truth.states(_through(subject, truth, manifest), manifest.applied)
    verdicts = []
    for entry in sorted(manifest.shards, key=lambda entry: entry.shard):
        finding = (
            different(contradiction(manifest, entry))
            or _difference(entry, states.get(entry.shard))
            or _uncovered(truth, manifest, entry, end)
            or ("equal", "")
        )
        verdicts.append(verdict_of(manifest, entry, finding))
    return verdicts


def incomparable(subject: Subject, manifest: Manifest) -> Finding | None:
    """Why the manifest can't be judged as one of this model's; None if it can."""
    learner = subject.model.learner
    if manifest.identity != subject.identity or manifest.learner != learner.id:
        return "incomparable", "the manifest is of a model with other settings"
    if not learner.exact_everywhere and manifest.profile != subject.profile:
        return "incomparable", "trained under another numeric profile than this machine's"
    return None


def _through(subject: Subject, truth: Truth, manifest: Manifest) -> dict[int, int]:
    """Shard -> where its state ends, of the entries that name an end and don't contradict themselves."""
    start = subject.start(manifest.partition)
    return {
        entry.shard: entry.through
        for entry in manifest.shards
        if not contradiction(manifest, entry) and (entry.through == start or truth.is_end(entry.through))
    }


def _difference(entry: ShardEntry, must: Folded | None) -> Finding | None:
    if must is None:
        return "different", f"no slice ends at {entry.through}"
    differ = [name for name in ("rows", "lineage", "digest") if getattr(entry, name) != getattr(must, name)]
    return ("different", f"other {', '.join(differ)}; must be {must.rows} rows") if differ else None


def _uncovered(truth: Truth, manifest: Manifest, entry: ShardEntry, end: int) -> Finding | None:
    """The finding "pending", if an equal state doesn't cover all that it could by now; else None."""
    if manifest.applied < end:
        return "pending", f"applied up to {manifest.applied}, the log goes up to {end}"
    if entry.status in ("withdrawn", "left-out", "behind"):
        return "pending", entry.status
    last = truth.last_end(manifest.applied)
    return ("pending", f"{entry.status}: through {entry.through} of {last}") if entry.through < last else None

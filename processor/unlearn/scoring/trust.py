"""The rules by which a manifest is believed: each a pure function by name, in the order in which they are asked.

A scorer merges a manifest that no rule of `RULES` objects to. `unlearn verify` asks some too: what a manifest must be
in itself (`unlisted`, `contradiction`, `misnamed`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from unlearn.results.manifest import Manifest, ShardEntry
from unlearn.storage.artefacts import read_name

__all__ = [
    "RULES",
    "Expected",
    "Rule",
    "Verify",
    "beyond",
    "contradiction",
    "misnamed",
    "misshapen",
    "objection",
    "takes_part",
    "taking_part",
    "unlisted",
    "unsigned",
]

Verify = Callable[[Manifest], str | None]
"""What is wrong with a manifest's signature; None if nothing is."""


def unsigned(manifest: Manifest) -> str | None:
    """The check where no signatures are in use: a manifest with one isn't trusted, as it can't be checked."""
    return "its signature can't be checked" if manifest.signature else None


@dataclass(frozen=True, slots=True)
class Expected:
    """What every manifest of the model must say; `shards` is how many each partition has."""

    identities: Collection[str]
    learner: str
    partitions: int
    shards: int
    empty_digest: str
    verify: Verify


Rule = Callable[[Manifest, Expected, Manifest | None], str | None]
"""(newer manifest, what it must say, the one served) -> why it must not be served; None if it may."""


def objection(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Why the manifest must not replace `served`, by the first rule that objects; None if none does."""
    return next((reason for rule in RULES if (reason := rule(manifest, expected, served))), None)


def other_learner(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Objects to a manifest of another learner."""
    if manifest.learner != expected.learner:
        return f"its learner is {manifest.learner}, not {expected.learner}"
    return None


def contradicts_itself(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Objects to a manifest that doesn't list the model's shards, or whose entries contradict it."""
    return misshapen(manifest, expected.shards)


def other_settings(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Objects to a manifest of a model that was made with other settings."""
    if manifest.identity not in expected.identities:
        return (
            "it is of a model made with other settings: its name, secret, learner, learner's options, classes, "
            "features, partitions, shards, slices, subjects, mapping and tombstones must be the model's, and the "
            "release's table of letters"
        )
    return None


def bad_signature(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Objects to a manifest whose signature isn't right."""
    return expected.verify(manifest)


def goes_back(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Objects to a manifest that has applied less than the one served."""
    if served is not None and manifest.applied < served.applied:
        return f"it goes back from {served.applied} applied to {manifest.applied}"
    return None


def hides_a_state(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Objects to an entry that names a state and says it has no rows: whatever the state, it would take no part."""
    hidden = [e.shard for e in manifest.shards if e.rows == 0 and e.digest != expected.empty_digest]
    return f"shard {hidden[0]} has no rows and a state that isn't the empty one" if hidden else None


def foreign_files(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Objects to an entry whose file can't be its state."""
    reasons = (misnamed(manifest, entry) for entry in manifest.shards)
    return next((reason for reason in reasons if reason), None)


RULES: tuple[Rule, ...] = (
    other_learner,
    contradicts_itself,
    other_settings,
    bad_signature,
    goes_back,
    hides_a_state,
    foreign_files,
)


def misshapen(manifest: Manifest, shards: int) -> str | None:
    """Why the manifest can't be of a model with `shards` shards a partition; None if it can."""
    odd = (contradiction(manifest, entry) for entry in manifest.shards)
    return unlisted(manifest, shards) or next((reason for reason in odd if reason), None)


def unlisted(manifest: Manifest, shards: int) -> str | None:
    """What is wrong with the manifest's list of shards, which must name each of the model's once; else None."""
    listed = sorted(entry.shard for entry in manifest.shards)
    if listed == list(range(shards)):
        return None
    return f"it names the shards {listed}, which are not those of the model, 0 to {shards - 1}, each once"


def contradiction(manifest: Manifest, entry: ShardEntry) -> str | None:
    """Which statements of an entry can't be true together; None if all can."""
    if entry.through > manifest.applied:
        return f"shard {entry.shard}'s through {entry.through} is beyond what was applied, {manifest.applied}"
    if entry.status == "empty" and entry.rows:
        return f"shard {entry.shard} is said to be empty, and to have {entry.rows} rows"
    return None


def misnamed(manifest: Manifest, entry: ShardEntry) -> str | None:
    """Why the file that an entry names can't be its state; None if it can, or if it names none and needs none."""
    if not entry.file:
        return f"shard {entry.shard} has {entry.rows} rows and names no file" if takes_part(entry) else None
    named = read_name(entry.file)
    if named is None or (named.partition, named.shard, named.kind) != (manifest.partition, entry.shard, "state"):
        return f"{entry.file!r} is not the name of a state of shard {entry.shard} of partition {manifest.partition}"
    if named.end > entry.through or named.applied > manifest.applied:
        return f"{entry.file!r} reaches further than shard {entry.shard}'s entry"
    if not entry.file.endswith(f"-{entry.digest[:16]}"):
        return f"{entry.file!r} is another state than shard {entry.shard}'s digest says"
    return None


def takes_part(entry: ShardEntry) -> bool:
    """Whether the ensemble needs the entry's state: a shard left out, or without rows, takes no part."""
    return entry.rows > 0 and entry.status != "left-out"


def taking_part(manifest: Manifest) -> list[ShardEntry]:
    """The entries whose states the ensemble needs, by shard."""
    return sorted((entry for entry in manifest.shards if takes_part(entry)), key=lambda entry: entry.shard)


def beyond(manifests: Iterable[Manifest], expected: Expected) -> tuple[int, ...]:
    """Partitions with a manifest of this very model, although the settings have fewer, in order.

    Where there are any, the settings' partitions are only a part of the model.
    """
    mine = {manifest.partition for manifest in manifests if manifest.identity in expected.identities}
    return tuple(sorted(partition for partition in mine if partition >= expected.partitions))

"""Which versions may still be loaded, and by which states: none that holds a record that was deleted since. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from unlearn.admin.versions.counting import LogRows, contradiction, dead_in
from unlearn.errors import VersionRefused
from unlearn.results.history import ShardRows, shards_of
from unlearn.results.manifest import Manifest, ShardEntry
from unlearn.results.versions import Version

__all__ = ["Part", "at_version", "pinned"]


class Part(NamedTuple):
    """What is known of a partition, to load an earlier version of it.

    version   that was its newest at the time; or why that isn't known
    newest    its newest manifest now
    manifest  that of the version, where the results topic still has it
    rows      its rows by the log; or why they aren't known
    end       where the log that gave them ends
    """

    version: Version | str
    newest: Manifest
    manifest: Manifest | None
    rows: LogRows | str
    end: int


def at_version(versions: Sequence[Version], number: int) -> Version | str:
    """Which of a partition's versions, in order, was the newest at a results offset; or why that isn't known."""
    before = [at for at, version in enumerate(versions) if version.version <= number]
    if not before:
        return "the history doesn't reach back so far"
    found, later = versions[before[-1]], versions[before[-1] + 1 :]
    if later and not later[0].follows:
        return f"versions between {found.version} and {later[0].version} aren't known"
    return found


def pinned(number: int, parts: Mapping[int, Part]) -> dict[int, Manifest]:
    """The manifests by which the ensemble's version `number` can be loaded, by partition.

    A shard whose state is still that of the newest manifest is taken from there: that is served now. Raises
    VersionRefused where another one holds dead rows, may hold them, or has no manifest any more.
    """
    unknown = [f"partition {p}: {part.version}" for p, part in parts.items() if isinstance(part.version, str)]
    if unknown:
        raise VersionRefused(f"what version {number} held isn't known: {'; '.join(unknown)}")
    _check_dead(number, parts)
    return {partition: _manifest(number, partition, part) for partition, part in sorted(parts.items())}


def _check_dead(number: int, parts: Mapping[int, Part]) -> None:
    """Raises VersionRefused unless all rows are known to live that aren't in force any more."""
    deleted = replaced = 0
    for partition, part in parts.items():
        older = _older(part)
        if not older or isinstance(part.version, str):
            continue
        reason = part.rows if isinstance(part.rows, str) else contradiction(part.rows, part.version)
        if reason is not None or isinstance(part.rows, str):
            raise VersionRefused(
                f"whether version {number} holds records that were deleted since isn't known: partition {partition}: "
                f"{reason}; only the version in force can be loaded"
            )
        dead = dead_in(part.rows, older, part.version.applied, part.end)
        deleted, replaced = deleted + dead.deleted, replaced + dead.replaced
    if deleted or replaced:
        raise VersionRefused(
            f"version {number} holds records that were deleted since ({deleted} deleted, {replaced} replaced by later "
            "revisions); it must not be loaded any more"
        )


def _older(part: Part) -> dict[int, ShardRows]:
    """The version's shards with rows whose states aren't those of the newest manifest, as far as can be told."""
    if isinstance(part.version, str):
        return {}
    now = shards_of(part.newest)
    same = {shard for shard, _ in _digests(part.manifest) & _digests(part.newest)}
    return {
        shard: entry
        for shard, entry in part.version.shards.items()
        if entry.rows and entry != now.get(shard) and shard not in same
    }


def _digests(manifest: Manifest | None) -> set[tuple[int, str]]:
    """(shard, digest of its state) of a manifest."""
    return set() if manifest is None else {(entry.shard, entry.digest) for entry in manifest.shards}


def _manifest(number: int, partition: int, part: Part) -> Manifest:
    """The newest manifest with the states that the version had."""
    older = _older(part)
    then = {} if part.manifest is None else {entry.shard: entry for entry in part.manifest.shards}
    told = {} if part.manifest is None else shards_of(part.manifest)
    if any(told.get(shard) != entry for shard, entry in older.items()):
        raise VersionRefused(
            f"the states of version {number} can't be named any more: the results topic has no manifest of it for "
            f"partition {partition}"
        )
    shards = [then[entry.shard] if entry.shard in older else _as_then(part, entry) for entry in part.newest.shards]
    return part.newest.model_copy(update={"shards": tuple(shards)})


def _as_then(part: Part, entry: ShardEntry) -> ShardEntry:
    """An entry of the newest manifest; it takes no part where the version had no rows of its shard."""
    without = not isinstance(part.version, str) and part.version.shards[entry.shard].rows == 0
    return entry.model_copy(update={"status": "left-out"}) if without else entry

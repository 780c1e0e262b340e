"""The last versions of a model, with what each learned and forgot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from unlearn.admin.versions.counting import LogRows, contradiction, count
from unlearn.admin.versions.report import VersionTold
from unlearn.admin.versions.source import Source
from unlearn.admin.versions.standing import Standing, standing_of
from unlearn.errors import Refused
from unlearn.moments import rfc3339
from unlearn.results.manifest import TokenField
from unlearn.results.results_topic import Published
from unlearn.results.versions import Version

__all__ = ["Lister"]

_HOUR = 3_600_000
_WINDOWS = (_HOUR, 24 * _HOUR, 720 * _HOUR)
"""Milliseconds before now that are read of the history, one after the other until they hold enough versions."""
_NOT_ASKED = "not asked for"
_FIRST = "the version before it isn't known"


class _Listed(NamedTuple):
    """A version with the one before it of its partition; `last`: whether it is the last that is known."""

    partition: int
    version: Version
    before: Version | None
    last: bool


@dataclass(frozen=True)
class Lister:
    """Lists versions. `counts`: whether rows are counted, for which all of the log is read."""

    source: Source
    counts: bool = True

    def last(self, number: int, partitions: Collection[int]) -> list[VersionTold]:
        """The last versions of these partitions in order, or all for the number 0.

        Raises LogUnavailable, TopicMissing.
        """
        listed = self._enough(number, partitions)
        stops: dict[int, int] = {}
        for one in listed:
            stops[one.partition] = max(one.version.applied, stops.get(one.partition, 0))
        rows = {partition: self._rows(partition, stop) for partition, stop in stops.items()}
        return [self._told(one, rows[one.partition]) for one in listed]

    def _enough(self, number: int, partitions: Collection[int]) -> list[_Listed]:
        now = int(self.source.clock() * 1000)
        for window in _WINDOWS if number else ():
            listed = _in_order(self.source.versions(partitions, now - window))
            if len(listed) >= number and all(one.before is not None for one in listed[-number:]):
                return listed[-number:]
        return _in_order(self.source.versions(partitions))[-number:]

    def _rows(self, partition: int, stop: int) -> LogRows | str:
        """The partition's rows by the log up to `stop`; or why they aren't known."""
        if not self.counts:
            return _NOT_ASKED
        try:
            return self.source.rows(partition, stop)
        except Refused as error:
            return str(error)

    def _told(self, one: _Listed, rows: LogRows | str) -> VersionTold:
        version, before = one.version, one.before
        unknown = _unknown(one, rows)
        counts = None if unknown or before is None or isinstance(rows, str) else count(rows, before, version)
        held = self.source.results.of(one.partition)
        owner = _owner(one, held)
        standing: Standing = "replaced"
        if one.last:
            standing = standing_of(held, self.source.clock(), self.source.settings.lease)
        return VersionTold(
            version=version.version,
            at=version.at,
            partition=one.partition,
            applied=version.applied,
            rows=version.rows,
            before=before and before.version,
            follows=version.follows,
            learned=counts and counts.learned,
            forgotten=counts and counts.forgotten,
            replaced=counts and counts.replaced,
            withheld=counts and counts.withheld,
            unknown=unknown,
            standing=standing,
            counter=version.counter,
            newest=owner.newest,
            owner=owner.token,
            vouched_at=owner.vouched_at,
        )


def _in_order(versions: Mapping[int, Sequence[Version]]) -> list[_Listed]:
    """All versions by number, each with the one before it of its partition, without those that change nothing."""
    listed = [
        _Listed(partition, version, of_it[at - 1] if at else None, at + 1 == len(of_it))
        for partition, of_it in ((partition, _changed(all_of_it)) for partition, all_of_it in versions.items())
        for at, version in enumerate(of_it)
    ]
    return sorted(listed, key=lambda one: one.version.version)


def _changed(versions: Sequence[Version]) -> list[Version]:
    """Those that differ from the one before, or that may: an owner begins with one that may say the same again."""
    found: list[Version] = []
    for version in versions:
        if not found or not version.follows or version.shards != found[-1].shards:
            found.append(version)
    return found


def _unknown(one: _Listed, rows: LogRows | str) -> str | None:
    """Why the version's counts aren't known; None if they are."""
    if isinstance(rows, str):
        return rows
    if one.before is None:
        return _FIRST
    return contradiction(rows, one.before) or contradiction(rows, one.version)


class _Owner(NamedTuple):
    """What is known of the owner of a partition's newest manifest, which says what its last version says."""

    newest: int | None
    token: TokenField | None
    vouched_at: str | None


def _owner(one: _Listed, held: Published) -> _Owner:
    if not one.last or held.manifest is None:
        return _Owner(None, None, None)
    at = None if held.heartbeat_at is None else rfc3339(round(held.heartbeat_at * 1000))
    return _Owner(held.offset, held.manifest.token, at)

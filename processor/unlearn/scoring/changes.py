"""What has changed in what is served, for those who want to be told: versions whose states are the same are no news."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from unlearn.scoring.content import content_of
from unlearn.scoring.serving import Merged, version_of
from unlearn.scoring.trust import taking_part

__all__ = ["Change", "Changes", "PartitionChange"]

_log = logging.getLogger(__name__)


class PartitionChange(NamedTuple):
    """A partition of which other states are served than before. `rows`: in them, now and before.

    `applied`: the next offset of its log that its owner has not applied. `withdrawn`: its shards whose newest state a
    deletion took away, so that an older one stands in, or none.
    """

    partition: int
    applied: int
    rows: int
    rows_before: int
    withdrawn: tuple[int, ...]


class Change(NamedTuple):
    """What is served now. `content` is the digest of all states in it; empty while no partition is served.

    `left_out`: the partitions that aren't served. `partitions`: those of which something else is served than before.
    """

    version: int | None
    content: str
    left_out: tuple[int, ...]
    partitions: tuple[PartitionChange, ...]


class Changes:
    """Calls whoever wants to be told, from the thread that polls."""

    def __init__(self) -> None:
        self._callbacks: tuple[Callable[[Change], object], ...] = ()
        self._content = ""
        self._before: dict[int, Merged] = {}
        self.last: Change | None = None
        """What was told last; None before anything was served."""

    def add(self, callback: Callable[[Change], object]) -> Callable[[], None]:
        """Tell it of every change from now on. Returns what ends that. An error that it raises is logged."""
        self._callbacks = (*self._callbacks, callback)

        def remove() -> None:
            self._callbacks = tuple(one for one in self._callbacks if one is not callback)

        return remove

    def look(self, merged: Mapping[int, Merged], live: Collection[int], partitions: range) -> None:
        """Compare what is served with what was, and tell what has changed."""
        content = content_of(merged[partition].manifest for partition in live)
        if content == self._content:
            return
        now = {partition: merged[partition] for partition in live}
        left_out = tuple(partition for partition in partitions if partition not in now)
        changed = tuple(
            _changed(one, self._before.get(partition))
            for partition, one in sorted(now.items())
            if _states(one) != _states(self._before.get(partition))
        )
        self._content, self._before = content, now
        self.last = change = Change(version_of(merged), content, left_out, changed)
        for callback in self._callbacks:
            self._tell(callback, change)

    @staticmethod
    def _tell(callback: Callable[[Change], object], change: Change) -> None:
        try:
            callback(change)
        except Exception:  # noqa: BLE001  whatever it is, the thread that polls goes on
            _log.exception("a callback of on_change failed")


def _changed(one: Merged, before: Merged | None) -> PartitionChange:
    manifest = one.manifest
    withdrawn = tuple(e.shard for e in manifest.shards if e.status in ("withdrawn", "left-out"))
    return PartitionChange(manifest.partition, manifest.applied, _rows(one), _rows(before), withdrawn)


def _states(one: Merged | None) -> list[tuple[int, str]]:
    return [(entry.shard, entry.digest) for entry in taking_part(one.manifest)] if one else []


def _rows(one: Merged | None) -> int:
    return sum(entry.rows for entry in taking_part(one.manifest)) if one else 0

"""What is asked of the open clean-ups, kept up with each change, so that an answer costs what it names.

Everything here follows from the table `cleanups` alone. Clean-ups open in the order of their deaths.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from unlearn.events.partitioner import tag_of

__all__ = ["Cleanup", "OpenCleanups"]


class Cleanup(NamedTuple):
    """A deleted subject whose rows are still being buried; those with a slot below `cursor` are done."""

    death: int
    shard: int
    cursor: int
    killed: int | None = None
    """How many have been buried; None where an earlier release began, which didn't count."""


class OpenCleanups:
    """The open clean-ups by shard and by their subjects' tags; `put` keeps up with the table."""

    def __init__(self, cleanups: Iterable[tuple[str, Cleanup]] = ()) -> None:
        """`cleanups`: (subject's digest in hex, clean-up) of each, by rising death."""
        self._of_shard: dict[int, dict[bytes, Cleanup]] = {}
        self._shard_of: dict[bytes, int] = {}
        self._tags: Counter[bytes] = Counter()
        for subject, cleanup in cleanups:
            self.put(subject, cleanup)

    def put(self, subject: str, cleanup: Cleanup | None) -> None:
        """Enter a clean-up that is new or has come further; None: it is done."""
        digest = bytes.fromhex(subject)
        if cleanup is None:
            self._drop(digest)
            return
        if digest not in self._shard_of:
            self._shard_of[digest] = cleanup.shard
            self._tags[tag_of(digest)] += 1
        self._of_shard.setdefault(cleanup.shard, {})[digest] = cleanup

    def of_shard(self, shard: int) -> Mapping[bytes, Cleanup]:
        """The shard's open clean-ups by their subjects' digests, the oldest first."""
        return self._of_shard.get(shard, {})

    def deaths(self, shard: int) -> dict[bytes, int]:
        """Digest -> offset of the deletion, of the shard's subjects that have an open clean-up."""
        return {digest: cleanup.death for digest, cleanup in self.of_shard(shard).items()}

    def covers(self, tag: bytes) -> bool:
        """Whether a subject with this tag has an open clean-up."""
        return tag in self._tags

    def oldest(self) -> Cleanup | None:
        """The one whose subject was deleted first."""
        firsts = (next(iter(found.values())) for found in self._of_shard.values())
        return min(firsts, key=lambda cleanup: cleanup.death, default=None)

    def _drop(self, digest: bytes) -> None:
        shard = self._shard_of.pop(digest, None)
        if shard is None:
            return
        del self._of_shard[shard][digest]
        if not self._of_shard[shard]:
            del self._of_shard[shard]
        tag = tag_of(digest)
        self._tags[tag] -= 1
        if not self._tags[tag]:
            del self._tags[tag]

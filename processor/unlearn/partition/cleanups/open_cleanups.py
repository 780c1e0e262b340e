"""What is asked of the open clean-ups, kept up with each change, so that an answer costs what it names.

Everything here follows from the table `cleanups` alone. Clean-ups open in the order of their deaths.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from unlearn.events.partitioner import tag_of

__all__ = ["Cleanup", "OpenCleanups"]


class Cleanup(NamedTuple):
    """A deleted subject whose rows are still being buried; those with a slot below `cursor` are done.

    Where it was let in again and deleted again meanwhile, there are `further` deletions, by rising offsets.
    """

    death: int
    shard: int
    cursor: int
    killed: int | None = None
    """How many have been buried; None where an earlier release began, which didn't count."""
    further: tuple[tuple[int, int], ...] = ()
    """(offset, how many it has buried) of its further deletions."""

    @staticmethod
    def of(text: str) -> Cleanup:
        """The clean-up that stands in Redis as this JSON."""
        death, shard, cursor, *more = json.loads(text)
        killed, further = [*more, None, ()][:2] if len(more) < 2 else more
        return Cleanup(death, shard, cursor, killed, tuple((at, count) for at, count in further))

    @property
    def deaths(self) -> tuple[int, ...]:
        """The offsets of the subject's deletions: a row died by the first one behind it."""
        return (self.death, *(death for death, _ in self.further))

    def death_of(self, slot: int) -> int | None:
        """The offset of the deletion that killed the row at the slot; None if the row came behind all of them."""
        return next((death for death in self.deaths if slot < death), None)

    def and_of(self, death: int, first: int) -> Cleanup:
        """This clean-up, and that of a further deletion at the offset `death`, with no row before the slot `first`."""
        return self._replace(cursor=min(self.cursor, first), further=(*self.further, (death, 0)))

    def counting(self, buried: Mapping[int, int]) -> Cleanup:
        """The clean-up after more of its rows were buried: offset of a deletion -> how many of those that it killed."""
        killed = None if self.killed is None else self.killed + buried.get(self.death, 0)
        return self._replace(
            killed=killed, further=tuple((death, count + buried.get(death, 0)) for death, count in self.further)
        )

    @property
    def counts(self) -> Mapping[int, int | None]:
        """Offset of each deletion -> how many rows it has killed that are buried by now."""
        return {self.death: self.killed, **dict(self.further)}


class OpenCleanups:
    """The open clean-ups by shard and by their subjects' tags; `put` keeps up with the table."""

    def __init__(self, cleanups: Iterable[tuple[str, Cleanup]] = ()) -> None:
        """`cleanups`: (subject's digest in hex, clean-up) of each, by rising death."""
        self._of_shard: dict[int, dict[bytes, Cleanup]] = {}
        self._shard_of: dict[bytes, int] = {}
        self._ends: dict[bytes, dict[bytes, int]] = {}
        """Tag -> digest -> the offset of the last deletion."""
        for subject, cleanup in cleanups:
            self.put(subject, cleanup)

    def put(self, subject: str, cleanup: Cleanup | None) -> None:
        """Enter a clean-up that is new or has come further; None: it is done."""
        digest = bytes.fromhex(subject)
        if cleanup is None:
            self._drop(digest)
            return
        self._shard_of[digest] = cleanup.shard
        self._ends.setdefault(tag_of(digest), {})[digest] = cleanup.deaths[-1]
        self._of_shard.setdefault(cleanup.shard, {})[digest] = cleanup

    def of_shard(self, shard: int) -> Mapping[bytes, Cleanup]:
        """The shard's open clean-ups by their subjects' digests, the oldest first."""
        return self._of_shard.get(shard, {})

    def deaths(self, shard: int) -> dict[bytes, tuple[int, ...]]:
        """Digest -> offsets of the deletions, rising, of the shard's subjects that have an open clean-up."""
        return {digest: cleanup.deaths for digest, cleanup in self.of_shard(shard).items()}

    def covers(self, tag: bytes, slot: int) -> bool:
        """Whether the row at the slot, of a subject with this tag, is one that an open clean-up is to bury."""
        return any(slot < end for end in self._ends.get(tag, {}).values())

    def oldest(self, among: Callable[[int], bool] = lambda _: True) -> Cleanup | None:
        """The one whose subject was deleted first, of the shards of which `among` is true."""
        firsts = (next(iter(found.values())) for shard, found in self._of_shard.items() if among(shard))
        return min(firsts, key=lambda cleanup: cleanup.death, default=None)

    def _drop(self, digest: bytes) -> None:
        shard = self._shard_of.pop(digest, None)
        if shard is None:
            return
        del self._of_shard[shard][digest]
        if not self._of_shard[shard]:
            del self._of_shard[shard]
        ends = self._ends[tag_of(digest)]
        del ends[digest]
        if not ends:
            del self._ends[tag_of(digest)]

"""The results topic as it stands: each partition's newest manifest, and the heartbeats that named it.

Records that are not believed (see `unlearn.results.belief`) are passed over, and listed in `refused`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from unlearn.errors import LogDenied
from unlearn.log.protocol import Log, Record, Tail
from unlearn.results.belief import Refusal, foreign, most_counter, same_counter
from unlearn.results.history import shards_of
from unlearn.results.manifest import Heartbeat, Manifest, heartbeat_key, manifest_key, read_heartbeat, read_manifest

__all__ = ["Published", "Results", "read_results"]

_DIGITS = 9
"""A partition number has no more digits. Python refuses to read very long numbers."""
_REFUSED = 100
"""Refusals that are kept, the newest."""
_DOUBTED = 8
"""Of a partition's manifests that wait until the log is known to reach them, so many are kept, the newest."""
_RECENT = 4
"""Of a partition's believed manifests so many are kept: more are hardly out before an owner has told of one."""
_DOUBT_FOR = 1.0
"""Seconds after which the log is asked again whether it reaches them."""


@dataclass(slots=True)
class Published:
    """One partition: its newest believed manifest by (counter, sequence) and that record's results offset; and more."""

    manifest: Manifest | None = None
    offset: int = -1
    last: Manifest | None = None
    """The last record under the manifest's key, whoever wrote it, as compaction keeps it. None if no manifest."""
    last_offset: int = -1
    top: Manifest | None = None
    """The highest manifest by (counter, sequence), believed or not: readers without the secret go by it."""
    named: Manifest | None = None
    """The newest manifest that a heartbeat has named."""
    heartbeat_at: float | None = None
    """Monotonic seconds of the newest heartbeat; None before the first, and if its time can't be told."""
    heartbeat: Heartbeat | None = None
    """The newest heartbeat, of those whose counter was at least the highest seen by then."""
    highest_counter: int = -1
    """The highest counter seen in manifests and heartbeats."""
    furthest: Manifest | None = None
    """The believed manifest with the highest `applied`, even if an owner wrote it that had been replaced."""
    proven: bool = False
    """Whether any manifest had a proof that is right."""
    recent: deque[tuple[int, Manifest]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """(results offset, manifest) of the last ones believed, in the topic's order. Between them none is left out but
    those that say of all shards' rows what the one before says.

    Empty unless they are asked for."""
    doubted: dict[int, Manifest] = field(default_factory=dict)
    """Results offset -> manifest without proof that has applied more than the log is known to hold."""

    @property
    def highest_applied(self) -> int:
        """The highest `applied` of any manifest believed."""
        return self.furthest.applied if self.furthest else 0


@dataclass(slots=True)
class Results:
    """Merges what a tail brings. `version` is the results offset of the newest manifest merged.

    Without `holds` and `ends` no manifest is refused for its `applied`.
    """

    model: str
    partitions: dict[int, Published] = field(default_factory=dict)
    version: int | None = None
    clock: Callable[[], float] = time.monotonic
    waiting: Callable[[], float] = time.monotonic
    """The clock by which `follow` gives up, in seconds; it must go on while it reads."""
    date: Callable[[int], float | None] | None = None
    """Gives the monotonic time since when the record at an offset may have been on the topic, None if it can't be told.

    Without it a heartbeat counts from when it is read.
    """
    count: int = 10**_DIGITS
    """How many partitions the model has."""
    holds: Callable[[Manifest], bool | None] | None = None
    """Gives whether a manifest's proof is right, None if it has none."""
    ends: Callable[[], Mapping[int, float] | None] | None = None
    """Gives the events topic's ends by partition, None if there is no answer for now."""
    keeps_recent: bool = False
    """Whether the last few manifests that changed something are kept, not the newest alone."""
    refused: dict[int, Refusal] = field(default_factory=dict)
    """The newest refusals, by results offset."""
    refused_count: int = 0
    _news: list[Refusal] = field(default_factory=list)
    _ends: Mapping[int, float] = field(default_factory=dict)
    _asked: bool = False
    _ask_at: float = float("-inf")

    def of(self, partition: int) -> Published:
        """What is known of a partition; empty if no record was seen."""
        return self.partitions.setdefault(partition, Published())

    def merge(self, records: Iterable[Record]) -> None:
        """Take records in offset order. Records under other models' keys are passed over."""
        self._asked = False
        for record in records:
            found = _partition_of(self.model, record.key)
            if found is None:
                continue
            partition, beats = found
            if partition >= self.count:
                self._refuse(partition, record.offset, f"the model has {self.count} partitions")
            elif beats:
                self._beat(partition, record)
            else:
                self._manifest(partition, record)
        self._weigh_again()

    def follow(self, tail: Tail, timeout: float = 5.0) -> bool:
        """Read to the topic's end as it is now. False if that took longer than `timeout` seconds.

        Raises as `Tail.poll` does, and LogDenied where the right to read is missing.
        """
        end, deadline = tail.end(), self.waiting() + timeout
        while tail.position < end:
            self.merge(tail.poll(min(0.5, timeout)))
            if isinstance(tail.trouble, LogDenied):
                raise LogDenied(str(tail.trouble))
            if self.waiting() > deadline and tail.position < end:
                return False
        return True

    def newly_refused(self) -> list[Refusal]:
        """What was refused since the last call; if that is more than 100, the newest of it."""
        news, self._news = self._news, []
        return news

    def _refuse(self, partition: int, offset: int, reason: str) -> None:
        self.refused_count += 1
        self.refused[offset] = Refusal(offset, partition, reason)
        if len(self.refused) > _REFUSED:
            del self.refused[next(iter(self.refused))]
        self._news = [*self._news[1 - _REFUSED :], self.refused[offset]]

    def _manifest(self, partition: int, record: Record) -> None:
        held, offset = self.of(partition), record.offset
        manifest = None if record.value is None else read_manifest(record.value)
        held.last, held.last_offset = None, offset
        reason = "it is no manifest" if manifest is None else foreign(self.model, partition, offset, manifest)
        if manifest is None or reason is not None:
            self._refuse(partition, offset, reason or "")
            return
        held.last = manifest
        held.highest_counter = max(held.highest_counter, manifest.token.counter)
        if held.top is None or manifest.order > held.top.order:
            held.top = manifest
        proof = self.holds(manifest) if self.holds else None
        held.proven = held.proven or proof is True
        if proof is False:
            self._refuse(partition, offset, "its proof is wrong: nobody with the model's secret wrote it")
        elif proof or self._reaches(manifest):
            self._admit(held, manifest, offset)
        else:
            self._doubt(held, manifest, offset)

    def _admit(self, held: Published, manifest: Manifest, offset: int) -> None:
        if held.furthest is None or manifest.applied > held.furthest.applied:
            held.furthest = manifest
        if held.manifest is not None and same_counter(held.manifest, manifest):
            self._refuse(manifest.partition, offset, "its counter is that of another owner, who came first")
            return
        # The same manifest, sent again, counts at its new offset: compaction leaves only that.
        if held.manifest is None or manifest.order > held.manifest.order or manifest == held.manifest:
            held.manifest, held.offset = manifest, offset
            if self.keeps_recent and _is_news(held, manifest, offset):
                held.recent.append((offset, manifest))
            self.version = max(offset, self.version if self.version is not None else -1)

    def _doubt(self, held: Published, manifest: Manifest, offset: int) -> None:
        held.doubted[offset] = manifest
        if len(held.doubted) > _DOUBTED:
            del held.doubted[next(iter(held.doubted))]
        self._refuse(manifest.partition, offset, f"the log is not known to reach the {manifest.applied} it has applied")

    def _reaches(self, manifest: Manifest) -> bool:
        """Whether the events topic is known to hold all that a manifest has applied.

        The log is asked for its ends at most once in a `merge`.
        """
        if self.ends is None:
            return True
        within = manifest.applied <= self._ends.get(manifest.partition, -1)
        if within or self._asked:
            return within
        self._asked, self._ask_at = True, self.clock()
        ends = self.ends()
        self._ends = self._ends if ends is None else ends
        return manifest.applied <= self._ends.get(manifest.partition, -1)

    def _weigh_again(self) -> None:
        doubting = [held for held in self.partitions.values() if held.doubted]
        if not doubting or (not self._asked and self.clock() < self._ask_at + _DOUBT_FOR):
            return
        for held in doubting:
            for offset, manifest in list(held.doubted.items()):
                if self._reaches(manifest):
                    del held.doubted[offset]
                    self.refused.pop(offset, None)
                    self._admit(held, manifest, offset)
                    self._name(held)

    def _beat(self, partition: int, record: Record) -> None:
        held, offset = self.of(partition), record.offset
        beat = None if record.value is None else read_heartbeat(record.value)
        if beat is None:
            self._refuse(partition, offset, "it is no heartbeat")
        elif beat.counter > most_counter(offset):
            self._refuse(partition, offset, f"no claim gave the counter {beat.counter}")
        # A late heartbeat of an earlier owner must not count as its successor's.
        elif beat.counter >= held.highest_counter:
            held.highest_counter = beat.counter
            held.heartbeat = beat
            held.heartbeat_at = self.date(offset) if self.date else self.clock()
            self._name(held)

    @staticmethod
    def _name(held: Published) -> None:
        beat, newest = held.heartbeat, held.manifest
        if newest and beat and (beat.counter, beat.nonce, beat.sequence) == (*_token(newest), newest.sequence):
            held.named = newest


def _is_news(held: Published, manifest: Manifest, offset: int) -> bool:
    """Whether the manifest comes behind the recent ones, and says something else than the last of them."""
    if not held.recent:
        return True
    last, before = held.recent[-1]
    same = manifest.identity == before.identity and shards_of(manifest) == shards_of(before)
    return offset > last and not same


def _token(manifest: Manifest) -> tuple[int, str]:
    return manifest.token.counter, manifest.token.nonce


def _partition_of(model: str, key: bytes | None) -> tuple[int, bool] | None:
    """(partition, whether the key is a heartbeat's); None for keys that aren't this model's."""
    parts = (key or b"").decode("utf-8", "replace").split("/")
    if len(parts) not in (2, 3) or not (parts[1].isdecimal() and len(parts[1]) <= _DIGITS):
        return None
    partition = int(parts[1])
    if key == manifest_key(model, partition):
        return partition, False
    return (partition, True) if key == heartbeat_key(model, partition) else None


def read_results(
    log: Log,
    topic: str,
    model: str,
    partitions: int,
    timeout: float,
    holds: Callable[[Manifest], bool | None] | None = None,
    *,
    keeps_recent: bool = False,
) -> Results | None:
    """The topic read to its end as it is now; None if that took longer than `timeout` seconds.

    `holds`, `keeps_recent`: as in Results. Raises LogUnavailable, TopicMissing.
    """
    results = Results(model, count=partitions, holds=holds, keeps_recent=keeps_recent)
    with closing(log.tail(topic)) as tail:
        return results if results.follow(tail, timeout) else None

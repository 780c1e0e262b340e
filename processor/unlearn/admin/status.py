"""How the model stands: what each partition has applied, holds and still owes. It only reads, so it needs no token."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import redis

from unlearn.admin.stamped_tail import StampedTail
from unlearn.errors import LogUnavailable, StoreUnavailable
from unlearn.events.mapped.tally import Tally, never_found, tallied
from unlearn.forwarding.dues import letters_by_reason
from unlearn.identity import is_secret_of
from unlearn.log.protocol import Log
from unlearn.partition.tables import Tables
from unlearn.publishing.compose import entries
from unlearn.results.belief import Refusal
from unlearn.results.log_ends import ends_of
from unlearn.results.manifest import Manifest, ShardEntry, ShardState
from unlearn.results.proof import Prover
from unlearn.results.results_topic import Published, Results
from unlearn.settings import Settings
from unlearn.state.health import look, redis_problems, redis_shortages
from unlearn.state.keys import TABLE_HASHES, Keys
from unlearn.state.snapshot import read_snapshot
from unlearn.storage.artefacts import open_store
from unlearn.storage.store_binding import stranger
from unlearn.training.quarantine import quarantined
from unlearn.worker.preflight import check_topics

__all__ = ["DIRTY", "Deletions", "Held", "Look", "PartitionStatus", "ShardStatus", "Status", "StatusReader"]

DIRTY = ("withdrawn", "left-out")
_OTHERWISE = ("deletions", "counter", "nonce", "paths")
_PASSED_OVER = {
    "dead_on_arrival": "deleted before it came",
    "conflicts": "the same revision was there with other content",
}
"""Counters of readable inserts that changed nothing, and why."""


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """One shard as Redis holds it now; `status` is what a manifest of this moment would say.

    rows         live ones, in ended slices and in the open one
    slices       ended slices in which the shard had rows
    checkpoints  stored states; a learner that forgets keeps one
    through      the offset before which that manifest would hold all of the shard's rows
    """

    shard: int
    status: ShardState
    rows: int
    slices: int
    checkpoints: int
    through: int = 0


@dataclass(frozen=True, slots=True)
class Deletions:
    """Deletions under way. Ages in s since they were appended to the log; None where there is none.

    pending     applied, and not yet reported hidden; `overdue` of them are past their deadline
    uncounted   reported hidden, but not yet how many rows they killed
    unresolved  possible deletions that could not be read or sent on; `unresolved_overdue` of them are past their
                deadline. Many of one reason are kept as one range, which has the deadline of its earliest
    """

    pending: int = 0
    oldest_pending: float | None = None
    overdue: int = 0
    unresolved: int = 0
    oldest_unresolved: float | None = None
    unresolved_overdue: int = 0
    uncounted: int = 0


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition of the events topic.

    applied      the next offset to apply; None before the first claim. `lag` is the log's end less that
    owner        host and process that claimed it last, with its token
    records      live; the rows of a deleted subject count until its clean-up has buried them
    cleaning_up  deleted subjects whose rows are still being buried
    heartbeat_age  s since the newest heartbeat was appended, by this machine's clock
    stopped      why its owner stopped; None if it goes on
    trouble      what its owner waited for in the last seconds, such as room in the store; None if nothing
    forwards_only  it came after the model was made: its events are sent home
    quarantined  shards whose training was given up
    resolved     possible deletions that operators closed
    dead_letters  how many by reason, since the model was made
    passed_over  readable inserts that changed nothing, by reason
    paths        how often each path of the mapping was looked for, and found something
    refused_updates  dead letters, as far as they can be read, whose records keep an older revision
    quiet        whether its owner takes no events, as `unlearn quiet` asked
    """

    partition: int
    applied: int | None
    end: int
    lag: int
    owner: str | None
    counter: int | None
    nonce: str | None
    records: int
    tombstones: int
    holes: int
    cleaning_up: int
    dirty_shards: int
    deletions: Deletions
    heartbeat_age: float | None
    stopped: str | None
    trouble: str | None
    forwards_only: bool
    shards: tuple[ShardStatus, ...]
    quarantined: tuple[int, ...] = ()
    resolved: int = 0
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    passed_over: Mapping[str, int] = field(default_factory=dict)
    refused_updates: int = 0
    paths: Mapping[str, int] = field(default_factory=dict)
    quiet: bool = False

    def is_behind(self, lease: float, begun: bool) -> bool:
        """Whether something of it is late, or nobody seems to work on it who should. `begun`: as of `is_unworked`."""
        late = self.deletions.overdue + self.deletions.unresolved_overdue + len(self.quarantined)
        return late > 0 or self.is_unworked(lease, begun) or (self.lag > 0 and self.quiet)

    def is_unworked(self, lease: float, begun: bool) -> bool:
        """Whether no owner was heard within the lease. `begun`: whether any partition of the model was ever claimed:
        then scorers need all of them, though nothing may be left to apply."""
        return self.is_unheard(lease) and (self.lag > 0 or begun)

    def is_unheard(self, lease: float) -> bool:
        """Whether no owner was heard within the lease, of a partition of which one should be."""
        return not self.forwards_only and (self.heartbeat_age is None or self.heartbeat_age > lease)

    def to_json(self) -> dict[str, Any]:
        """The partition's object in the output of `unlearn status --json`."""
        deletions, token = self.deletions, {"counter": self.counter, "nonce": self.nonce}
        return {
            **{name: value for name, value in asdict(self).items() if name not in _OTHERWISE},
            "token": None if self.counter is None else token,
            "pending_deletions": deletions.pending,
            "oldest_pending_age": deletions.oldest_pending,
            "overdue_deletions": deletions.overdue,
            "uncounted_deletions": deletions.uncounted,
            "unresolved_deletions": deletions.unresolved,
            "oldest_unresolved_age": deletions.oldest_unresolved,
            "overdue_unresolved": deletions.unresolved_overdue,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """All partitions, and the ensemble's version: the results offset of the newest manifest, None before the first."""

    model: str
    version: int | None
    partitions: tuple[PartitionStatus, ...]
    redis: tuple[str, ...] = ()
    """Why Redis can't be used, or refuses writes, now."""
    refused: tuple[Refusal, ...] = ()
    """Records on the results topic that are not believed, the newest of them; `refused_count` counts all."""
    refused_count: int = 0
    store: tuple[str, ...] = ()
    """Why a worker that starts here with these settings would refuse the store."""

    def verdict(self, lease: float) -> Literal["well", "behind", "stopped"]:
        """How it stands, in a word.

        stopped: a partition waits for somebody, or Redis or the store can't be used. behind: something is beyond its
        deadline, training is given up, no owner of a partition was heard within the lease, where there is something to
        apply or to serve, or a quiet one has events to apply.
        """
        if self.redis or self.store or any(partition.stopped for partition in self.partitions):
            return "stopped"
        return "behind" if any(partition.is_behind(lease, self.begun) for partition in self.partitions) else "well"

    @property
    def begun(self) -> bool:
        """Whether any partition was ever claimed."""
        return any(partition.applied is not None for partition in self.partitions)

    @property
    def records(self) -> int:
        return sum(partition.records for partition in self.partitions)

    @property
    def lag(self) -> int:
        """How many offsets are still to be applied, over all partitions."""
        return sum(partition.lag for partition in self.partitions)

    @property
    def pending(self) -> int:
        return sum(partition.deletions.pending for partition in self.partitions)

    @property
    def unresolved(self) -> int:
        return sum(partition.deletions.unresolved for partition in self.partitions)

    @property
    def resolved(self) -> int:
        """How many possible deletions operators have closed."""
        return sum(partition.resolved for partition in self.partitions)

    @property
    def dead_letters(self) -> dict[str, int]:
        """Reason -> how many dead letters, the most frequent reason first."""
        return _summed(partition.dead_letters for partition in self.partitions)

    @property
    def passed_over(self) -> dict[str, int]:
        """Reason -> how many readable inserts changed nothing, the most frequent reason first."""
        return _summed(partition.passed_over for partition in self.partitions)

    @property
    def refused_updates(self) -> int:
        return sum(partition.refused_updates for partition in self.partitions)

    @property
    def never_found(self) -> dict[str, int]:
        """Path of the mapping that found nothing -> how many messages should have had it."""
        return never_found(sum((Tally(partition.paths) for partition in self.partitions), Tally()))

    def to_json(self) -> dict[str, Any]:
        """The object that `unlearn status --json` prints."""
        return {
            "records": self.records,
            "lag": self.lag,
            "pending_deletions": self.pending,
            "unresolved_deletions": self.unresolved,
            "version": self.version,
            "redis": list(self.redis),
            "store": list(self.store),
            "dead_letters": self.dead_letters,
            "passed_over": self.passed_over,
            "refused_updates": self.refused_updates,
            "never_found": self.never_found,
            "refused_results": [refusal._asdict() for refusal in self.refused],
            "refused_results_count": self.refused_count,
            "partitions": [partition.to_json() for partition in self.partitions],
        }


class Held(NamedTuple):
    """What Redis holds of one partition: its tables, and what its owner shows.

    stopped, trouble  as in PartitionStatus
    quiet             whether the owner takes no events, as asked
    unreadable        the offset at which it is stopped as nothing can be read there; None if that isn't why
    asked             the fields of the operators' requests that it has not carried out yet
    """

    view: Tables
    stopped: str | None
    trouble: str | None
    quiet: bool
    unreadable: int | None
    asked: tuple[str, ...]


class Look(NamedTuple):
    """The model's status, and what it was made of, by partition."""

    status: Status
    held: Mapping[int, Held]
    published: Mapping[int, Published]


class StatusReader:
    """Reads Redis, the log's ends and the results topic, which it follows from one read to the next.

    `forgets` says whether the learner forgets; `clock` gives seconds since 1970. Making one checks that the topics
    suit the settings: raises TopicMissing, Refused, LogUnavailable.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        client: redis.Redis,
        forgets: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_topics(settings, log)
        self._settings = settings
        self._log = log
        self._client = client
        self._forgets = forgets
        self._clock = clock
        self._tail = StampedTail(log, settings.results_topic)
        self._prover: Prover | None = None
        self._results = Results(
            settings.model,
            date=self._tail.appended_at,
            count=settings.partitions,
            holds=self._holds,
            ends=ends_of(log, settings.events_topic, settings.partitions),
        )

    def read(self) -> Status:
        """The model's status now. Raises StateUnavailable, LogUnavailable, TopicMissing, LogDiverged."""
        return self.look().status

    def look(self) -> Look:
        """The status with what it was made of; what was published may change at the next look. Raises as `read`."""
        count = self._log.partitions(self._settings.events_topic)
        held = [self._held(partition) for partition in range(count)]
        identities = [one.view.meta["identity"] for one in held if "identity" in one.view.meta]
        if any(is_secret_of(identity, self._settings.secret_bytes) for identity in identities):
            self._prover = Prover(self._settings.secret_bytes)
        # Read after Redis, so that no partition seems to be ahead of its log.
        bounds = self._log.bounds(self._settings.events_topic)
        if not self._results.follow(self._tail, self._settings.kafka.request_timeout):
            raise LogUnavailable(f"{self._settings.results_topic} can't be read to its end")
        partitions = (self._partition(p, held[p], *bounds[p]) for p in range(count))
        status = Status(
            self._settings.model,
            self._results.version,
            tuple(partitions),
            self._redis(),
            refused=tuple(self._results.refused.values()),
            refused_count=self._results.refused_count,
            store=self._store(),
        )
        return Look(status, dict(enumerate(held)), self._results.partitions)

    def close(self) -> None:
        """Stop following the results topic."""
        self._tail.close()

    def _holds(self, manifest: Manifest) -> bool | None:
        """Whether the manifest's proof is right; None without the model's secret, which is needed to tell."""
        return self._prover.holds(manifest) if self._prover else None

    def _store(self) -> tuple[str, ...]:
        """Why this machine would refuse the store; another machine, on which a worker runs, may see another folder."""
        settings = self._settings
        named = read_snapshot(self._client, [("GET", Keys(settings.model, 0).of("store"))])[0]
        try:
            store = open_store(settings.store, settings.model)
            strange = stranger(settings, store, named.decode() if named else None)
        except StoreUnavailable as error:
            strange = str(error)
        return (strange,) if strange else ()

    def _redis(self) -> tuple[str, ...]:
        facts = look(self._client)
        problems, _ = redis_problems(facts, unchecked=self._settings.redis.unchecked)
        return (*problems, *redis_shortages(facts))

    def _held(self, partition: int) -> Held:
        keys = Keys(self._settings.model, partition)
        reads = [("HGETALL", keys.of(name)) for name in TABLE_HASHES]
        words = [("GET", keys.of(name)) for name in ("stopped", "trouble", "quiet", "unreadable")]
        *tables, stopped, trouble, quiet, unreadable, asked = read_snapshot(
            self._client, [*reads, *words, ("HKEYS", keys.of("asked"))]
        )
        return Held(
            Tables(dict(zip(TABLE_HASHES, tables, strict=True))),
            stopped.decode() if stopped else None,
            trouble.decode() if trouble else None,
            bool(quiet),
            int(unreadable) if unreadable else None,
            tuple(sorted(field.decode("latin-1") for field in asked)),
        )

    def _partition(self, partition: int, held: Held, start: int, end: int) -> PartitionStatus:
        view = held.view
        claimed = "token" in view.meta
        forwards_only = partition >= self._settings.partitions
        count = 0 if forwards_only or not claimed else self._settings.shards_per_partition
        shards = _shards(view, count, self._forgets)
        counter, _, nonce = view.meta.get("token", "").partition(":")
        return PartitionStatus(
            partition=partition,
            applied=view.applied if claimed else None,
            end=end,
            lag=max(0, end - (view.applied if claimed else start)),
            owner=view.meta.get("owner"),
            counter=int(counter) if claimed else None,
            nonce=nonce or None,
            records=view.number("live"),
            tombstones=view.number("tombstones"),
            holes=view.number("holes"),
            cleaning_up=len(view.cleanups),
            dirty_shards=sum(shard.status in DIRTY for shard in shards),
            deletions=_deletions(view, self._clock()),
            heartbeat_age=_heartbeat_age(self._results.of(partition), self._clock()),
            stopped=held.stopped,
            trouble=held.trouble,
            forwards_only=forwards_only,
            shards=shards,
            quarantined=tuple(quarantined(view)),
            resolved=view.number("resolved"),
            dead_letters=letters_by_reason(view.meta),
            passed_over={why: count for name, why in _PASSED_OVER.items() if (count := view.number(name))},
            refused_updates=view.number("refused_updates"),
            paths=dict(tallied(view.meta)),
            quiet=held.quiet,
        )


def _shards(view: Tables, count: int, forgets: bool) -> tuple[ShardStatus, ...]:
    return tuple(_shard(view, entry) for entry in entries(view, count, forgets, "0" * 64))


def _shard(view: Tables, entry: ShardEntry) -> ShardStatus:
    shard = entry.shard
    slices = list(view.of_shard(shard).after())
    waiting = view.open[shard].live if shard in view.open else 0
    rows = waiting + sum(held.live for _, held in slices)
    return ShardStatus(shard, entry.status, rows, len(slices), len(view.shard_states(shard)), entry.through)


def _deletions(view: Tables, now: float) -> Deletions:
    pending = [held for held in view.pending.values() if held.receipt]
    unresolved = view.still_open()
    return Deletions(
        pending=len(pending),
        oldest_pending=_oldest((held.since for held in pending), now),
        overdue=sum(held.deadline < now * 1000 for held in pending),
        uncounted=len(view.uncounted),
        unresolved=sum(held.total for held in unresolved),
        oldest_unresolved=_oldest((held.since for held in unresolved if held.since), now),
        unresolved_overdue=sum(held.total for held in unresolved if held.deadline < now * 1000),
    )


def _summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums of all counts, the largest first."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _oldest(times: Iterable[int], now: float) -> float | None:
    """Age in s of the earliest of times in ms."""
    first = min(times, default=None)
    return None if first is None else max(0.0, now - first / 1000)


def _heartbeat_age(held: Published, now: float) -> float | None:
    return None if held.heartbeat_at is None else max(0.0, now - held.heartbeat_at)

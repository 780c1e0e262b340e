"""What its owner holds of a claimed partition in memory. It is dropped whole whenever the claim is in doubt."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

from unlearn.log.protocol import Record, Unreadable
from unlearn.partition.cleanups.unburied import Unburied
from unlearn.partition.jobs import Job, Trained
from unlearn.partition.ledger import Kill
from unlearn.partition.open_rows import OpenRows
from unlearn.partition.receipts.answers import Addressee
from unlearn.partition.receipts.sent import Sent
from unlearn.partition.skipped import Runs
from unlearn.partition.tables import AT_ONCE, Change, Slice, Tables
from unlearn.results.manifest import Manifest
from unlearn.state.lookups import hole_reads, parse_holes
from unlearn.state.members import pack_sets
from unlearn.state.scripts import Op, PartitionState, Token

__all__ = ["ClaimedPartition", "Filed", "Publishing", "Running", "Sealing", "Tailing", "Way"]

T = TypeVar("T")


class Filed(NamedTuple):
    """A slice file as written: its shard and slice end, its name, and the slots in it; no name if there was no row."""

    shard: int
    end: int
    name: str
    slots: frozenset[int]


_TIMES = 10_000
_AGES = 1000
"""How many of the last kills the choice of checkpoints looks at."""

Way = Literal["fold", "forget", "retrain"]
"""What a job does: it learns new slices, forgets rows, or learns slices again that were learned before."""


@dataclass(slots=True)
class Running:
    """A job under way, and the rows of its shard that were killed since the job was made."""

    job: Job
    future: Future[Trained]
    moved_at: float
    """When it began, or was last seen to have finished another slice (monotonic seconds)."""
    finished: int = 0
    """How many slices it had finished when last looked at."""
    up_to_date: bool = False
    """Whether it learns all slices that were registered when it began."""
    way: Way = "fold"
    kills: list[Kill] = field(default_factory=list)
    buried: list[Kill] = field(default_factory=list)
    """Rows of its shard that were buried since the job was made."""


@dataclass(slots=True)
class Sealing:
    """Slices whose files are being written, or one of whose files is being written again."""

    ends: tuple[int, ...]
    """The slices' ends, in order."""
    future: Future[list[Filed]]
    writer: str
    """The part of its files' names that no other writing uses. No table names these files yet."""


@dataclass(slots=True)
class Tailing:
    """A tail file being written: the open rows as of `applied`."""

    applied: int
    future: Future[str]


@dataclass(slots=True)
class Publishing:
    """A manifest past the gate, on its way to the topic. `offset` comes with the acknowledgement."""

    manifest: Manifest
    data: bytes
    future: Future[int]


@dataclass(slots=True)
class ClaimedPartition:
    """Everything that the owner of one partition holds of it. `commit` changes `view` and Redis together."""

    partition: int
    token: Token
    state: PartitionState
    view: Tables
    open_rows: OpenRows = field(default_factory=OpenRows)
    catch_up_to: int = 0
    """Nothing is published before `applied` reaches this offset, because Redis was rolled back."""
    running: dict[int, Running] = field(default_factory=dict)
    sealing: Sealing | None = None
    rewriting: Sealing | None = None
    tailing: Tailing | None = None
    tailed_at: float = 0.0
    blocked: Unreadable | None = None
    """The run of offsets at which the log can't be decoded. Nothing is applied until it can be, or an operator has the
    run stepped over."""
    skips: Runs = ()
    """The runs of offsets that an earlier owner had stepped over, as its newest manifest says."""
    paused: bool = False
    """Whether fetching is paused because too many of the rows are in no slice file yet."""
    files_seen: bool = False
    """Whether the files that the tables name were compared with the store since the claim."""
    claimed_at: float = 0.0
    batch_at: float = float("-inf")
    """When the last batch of events came (monotonic seconds)."""
    erased_through: int = 0
    """What was deleted before this offset is erased, as looks at the store have shown; see `maintenance.garbage`."""
    publishing: Publishing | None = None
    manifest: Manifest | None = None
    """The newest manifest of this owner that the broker has acknowledged."""
    manifest_offset: int = -1
    heartbeat_at: float = float("-inf")
    unhidden_since: float | None = None
    """When the oldest kill or deletion was applied that no acknowledged manifest covers (monotonic seconds)."""
    dirty_since: dict[int, float] = field(default_factory=dict)
    unburied: dict[int, Unburied] = field(default_factory=dict)
    """Of the state that a shard's last job made."""
    kill_ages: deque[int] = field(default_factory=lambda: deque(maxlen=_AGES))
    """For each of the last kills: how many slices newer than the row's own there were when it died."""
    rows_since: float | None = None
    """When the oldest live open row came (monotonic seconds)."""
    records: dict[int, Record] = field(default_factory=dict)
    """Records of the batch in hand that the outbox names, by offset."""
    sending: dict[int, Sent] = field(default_factory=dict)
    """Offset of an outbox event -> what is under way for it and others; the outbox's word names each batch, or a copy's
    partition."""
    receipts: dict[int, Sent] = field(default_factory=dict)
    """Offset of a pending deletion -> its `hidden` receipt that is under way, with others."""
    addressees: dict[int, Addressee] = field(default_factory=dict)
    """Whom the receipts of pending deletions answer, by the deletion's offset."""
    sequence: int = 0
    """The last number that `next_sequence` gave, for names and manifests written under this token."""
    counters: Counter[str] = field(default_factory=Counter)
    hidden_after: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMES))
    """Seconds that the last deletions took until they were hidden, of those that nobody has taken note of yet."""
    stored_bytes: int | None = None
    """What its files in the store took together when they were last looked at."""
    _kept: dict[type, Any] = field(default_factory=dict, init=False)

    def kept(self, kind: type[T]) -> T:
        """The record that one step keeps of this claim for itself: made when first asked for, and gone with the claim.

        `kind` is the step's own class, and is called without arguments.
        """
        if kind not in self._kept:
            self._kept[kind] = kind()
        found: T = self._kept[kind]
        return found

    @property
    def busy(self) -> bool:
        """Whether something is under way that the next turns should pick up."""
        under_way = (self.running, self.publishing, self.sealing, self.rewriting, self.tailing)
        waits = (self.sending, self.receipts, self.view.cleanups, self.view.late_counts.counted)
        return any(under_way) or any(waits) or self.unhidden_since is not None

    @property
    def catching_up(self) -> bool:
        return self.view.applied < self.catch_up_to

    def writer(self) -> str:
        """A new part for names of files, which nobody has used before."""
        return f"{self.token.counter}-{self.token.nonce[:8]}-{self.next_sequence()}"

    def next_sequence(self) -> int:
        """The next number under this token, from 1 up."""
        self.sequence += 1
        return self.sequence

    def read(self, ops: Sequence[Op]) -> list[Any]:
        """Redis' answers to `ops`, if this owner's token and tables are still current.

        Raises Fenced, RolledBack, StateUnavailable.
        """
        return self.state.read(self.token, self.view.applied, self.view.writes, ops)

    def holes(self, shard: int, ends: Iterable[int]) -> dict[int, dict[int, int]]:
        """Slot -> death of the rows of ended slices of a shard that have holes in Redis, by the slices' ends.

        A slice without any isn't asked for, and no script reads many. All are of one moment: each script checks that
        nothing was written since. Raises Fenced, RolledBack, StateUnavailable.
        """
        slices, found = {end: self.view.slices[shard, end] for end in ends}, dict[int, dict[int, int]]()
        for part in _few_holes(slices):
            replies = self.read(hole_reads(self.state.keys, shard, [self.view.start_of(end - 1) for end in part]))
            found |= {end: parse_holes(reply) for end, reply in zip(part, replies, strict=True)}
        return {end: found.get(end, {}) for end in slices}

    def look_up(self, records: bytes, subjects: bytes) -> tuple[list[bytes | None], list[bytes | None]]:
        """The bytes of entries and subjects by their names, as PartitionState.look_up gives them.

        Raises Fenced, RolledBack, StateUnavailable.
        """
        return self.state.look_up(self.token, self.view.applied, self.view.writes, records, subjects)

    def fields(self, members: Literal["RECORDS", "SUBJECTS"], place: int, most: int) -> tuple[int, bytes]:
        """The fields of some members, and the next place, as PartitionState.fields gives them.

        Raises Fenced, RolledBack, StateUnavailable.
        """
        return self.state.fields(self.token, self.view.applied, self.view.writes, members, place, most)

    def commit(
        self,
        change: Change,
        applied: int | None = None,
        need: Iterable[tuple[int, int]] = (),
        members: bytes = b"",
    ) -> None:
        """Make a change in Redis, then in `view`. `applied` is the next offset to apply afterwards; None: as before.

        `need` and `members` as in PartitionState.commit, which also says what is raised.
        """
        stop = self.view.applied if applied is None else applied
        ops, members = pack_sets(change.commands(self.state.keys.of), members)
        self.state.commit(self.token, self.view.applied, self.view.writes, ops, stop, need, members)
        self.view.apply(change, stop)

    def note_kills(self, kills: Iterable[Kill], now: float) -> None:
        """Note rows that have died: for the jobs under way, whose states must not hold them, and for the dirty shards.

        `now` is in monotonic seconds.
        """
        last_end = self.view.last_end
        for kill in kills:
            if kill.shard in self.running:
                self.running[kill.shard].kills.append(kill)
            if kill.slot < last_end:
                self.dirty_since.setdefault(kill.shard, now)
                self.kill_ages.append(self.view.ends_behind(kill.slot) - 1)

    def note_burials(self, buried: Iterable[Kill]) -> None:
        """Note rows that were buried, after the membership's sums were changed: what the states know of them has."""
        by_shard: dict[int, list[Kill]] = {}
        for kill in buried:
            by_shard.setdefault(kill.shard, []).append(kill)
        for shard, kills in by_shard.items():
            if shard in self.running:
                self.running[shard].buried += kills
            if shard in self.unburied:
                self.unburied[shard] = self.unburied[shard].without(kills)


def _few_holes(slices: Mapping[int, Slice]) -> Iterator[list[int]]:
    """The ends of the slices with holes, in parts with about 1,000 holes at most, or one slice."""
    part: list[int] = []
    total = 0
    for end, held in slices.items():
        if held.first_death < 0:
            continue
        # Of a slice without a file it isn't known how many there are.
        holes = held.rows - held.live if held.file else AT_ONCE
        if part and total + holes > AT_ONCE:
            yield part
            part, total = [], 0
        part.append(end)
        total += holes
    if part:
        yield part

"""A claimed partition in its owner's memory. Dropped whole whenever the claim is in doubt."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from unlearn.log.protocol import Record, Unreadable
from unlearn.partition.answers import Addressee
from unlearn.partition.jobs import Job, Trained
from unlearn.partition.ledger import Kill
from unlearn.partition.open_rows import OpenRows
from unlearn.partition.skipped import Runs
from unlearn.partition.tables import Change, Tables
from unlearn.results.manifest import Manifest
from unlearn.state.scripts import Op, PartitionState, Token

__all__ = ["ClaimedPartition", "Filed", "Publishing", "Running", "Sealing", "Tailing"]


class Filed(NamedTuple):
    """A slice file as written: its shard, its name, and the slots in it; no name where there was no row."""

    shard: int
    name: str
    slots: frozenset[int]


_AGES = 1000
"""Kills that the choice of checkpoints looks back on."""


@dataclass(slots=True)
class Running:
    """A job under way, and the kills that came since it saw its shard."""

    job: Job
    future: Future[Trained]
    moved_at: float
    """When it began, or was last seen to have gone through one more slice (monotonic)."""
    finished: int = 0
    """Slices, as last seen."""
    kills: list[Kill] = field(default_factory=list)


@dataclass(slots=True)
class Sealing:
    """A slice whose files are being written, or one of whose files is being written again."""

    end: int
    future: Future[list[Filed]]
    writer: str
    """As in the names of its files, which no table has yet."""


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
    """Everything the owner of one partition holds. `view` and Redis change together, through `commit`."""

    partition: int
    token: Token
    state: PartitionState
    view: Tables
    open_rows: OpenRows = field(default_factory=OpenRows)
    catch_up_to: int = 0
    """Until `applied` reaches it nothing is published: Redis was rolled back."""
    running: dict[int, Running] = field(default_factory=dict)
    sealing: Sealing | None = None
    rewriting: Sealing | None = None
    dead_since: dict[tuple[int, int], float] = field(default_factory=dict)
    """When dead rows were first seen in the file of (shard, end) (monotonic)."""
    tailing: Tailing | None = None
    tailed_at: float = 0.0
    store_at: float = float("-inf")
    """When steps that need the store are tried again, after it was away (monotonic)."""
    blocked: Unreadable | None = None
    """Where the log can't be read on: nothing more is applied until it can, or is stepped over."""
    blocked_at: float = 0.0
    """When it was last found so (monotonic)."""
    skips: Runs = ()
    """What an earlier owner had stepped over, by its newest manifest."""
    paused: bool = False
    """Its rows that are in no file are too many: nothing more is read for now."""
    files_seen: bool = False
    """Whether the pointers of the tables were compared with the store since the claim."""
    claimed_at: float = 0.0
    used_at: dict[str, float] = field(default_factory=dict)
    """When a look at the store last found a file in use (monotonic); before the claim others may have used it."""
    erased_through: int = 0
    """What the last look at the store allows to say; see `garbage`."""
    publishing: Publishing | None = None
    manifest: Manifest | None = None
    """The newest of ours that the broker acknowledged."""
    manifest_offset: int = -1
    published_at: float = 0.0
    heartbeat_at: float = float("-inf")
    unhidden_since: float | None = None
    """When the oldest kill or deletion was applied that no acknowledged manifest covers (monotonic)."""
    dirty_since: dict[int, float] = field(default_factory=dict)
    kill_ages: deque[int] = field(default_factory=lambda: deque(maxlen=_AGES))
    """How many slices newer than its own there were when a row died, of the last kills."""
    rows_since: float | None = None
    """When the oldest live open row came (monotonic)."""
    holes_since: float | None = None
    """When it was first seen that no open row lives, and that dead ones have holes (monotonic)."""
    own_seal: Future[int] | None = None
    seal_look_at: float = float("-inf")
    records: dict[int, Record] = field(default_factory=dict)
    """Records that the outbox names, from the batch in hand."""
    sending: dict[int, dict[str, Future[int]]] = field(default_factory=dict)
    """What is on its way for an event of the outbox, by name."""
    receipts: dict[int, Future[int]] = field(default_factory=dict)
    addressees: dict[int, Addressee] = field(default_factory=dict)
    """Whom the receipts of pending deletions answer."""
    shortened: set[int] = field(default_factory=set)
    """Events of the outbox that the log refused as they are: they go in fewer bytes."""
    sequence: int = 0
    """Of names and manifests written under this token."""
    counters: Counter[str] = field(default_factory=Counter)

    @property
    def busy(self) -> bool:
        """Whether something is under way that the next turns should pick up."""
        under_way = (self.running, self.publishing, self.sealing, self.rewriting, self.tailing)
        waits = (self.sending, self.receipts, self.view.cleanups)
        return any(under_way) or any(waits) or self.unhidden_since is not None

    @property
    def catching_up(self) -> bool:
        return self.view.applied < self.catch_up_to

    def writer(self) -> str:
        """A part of file names that nobody else ever uses."""
        return f"{self.token.counter}-{self.token.nonce[:8]}-{self.next_sequence()}"

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def read(self, ops: Sequence[Op]) -> list[Any]:
        """Raises Fenced, RolledBack, StateUnavailable."""
        return self.state.read(self.token, self.view.applied, self.view.writes, ops)

    def commit(self, change: Change, applied: int | None = None, need: Iterable[tuple[int, int]] = ()) -> None:
        """Make a change in Redis, then in the view. Raises as PartitionState.commit does."""
        stop = self.view.applied if applied is None else applied
        ops = change.commands(self.state.keys.of)
        self.state.commit(self.token, self.view.applied, self.view.writes, ops, stop, need)
        self.view.apply(change, stop)

    def note_kills(self, kills: Iterable[Kill], now: float) -> None:
        """Jobs under way learn at their end whom they must not hold."""
        last_end = self.view.last_end
        for kill in kills:
            if kill.shard in self.running:
                self.running[kill.shard].kills.append(kill)
            if kill.slot < last_end:
                self.dirty_since.setdefault(kill.shard, now)
                self.kill_ages.append(self.view.ends_behind(kill.slot) - 1)

"""The rows of the page's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DeletionShown", "PartitionShown", "PossibleShown", "State", "WorkerShown"]

State = Literal["stopped", "overdue", "unclaimed", "unheard", "given-up", "quiet", "unserved", "waits", "late", "well"]


@dataclass(frozen=True, slots=True)
class PartitionShown:
    """One partition. Times in ms since 1970. `why`: why it is in its state; `asked`: requests not carried out yet.

    unreadable the offset at which it is stopped as nothing can be read there; None if that isn't why
    next_came  when the next record to apply came; None where none waits, or it wasn't asked
    standing   of its newest version, see `admin.versions.standing`
    """

    partition: int
    state: State
    why: str
    owner: str | None
    applied: int | None
    end: int
    lag: int
    next_came: int | None
    heartbeat_at: int | None
    records: int
    tombstones: int
    holes: int
    cleaning_up: int
    pending: int
    overdue: int
    possible: int
    quarantined: tuple[int, ...]
    forwards_only: bool
    asked: tuple[str, ...]
    unreadable: int | None
    version: int | None
    version_at: int | None
    version_applied: int | None
    version_rows: int
    standing: str | None


@dataclass(frozen=True, slots=True)
class WorkerShown:
    """A worker that claimed partitions last. `heard_at`: its newest heartbeat of any of them; `heard`: in the lease."""

    worker: str
    partitions: tuple[int, ...]
    lag: int
    heard_at: int | None
    heard: bool
    quiet: bool
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeletionShown:
    """An open deletion. Times in ms since 1970, None where unknown."""

    partition: int
    offset: int
    last: int
    count: int
    event_id: str | None
    names: str | None
    since: int | None
    deadline: int | None
    overdue: bool
    why: str
    waits_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PossibleShown:
    """A possible deletion that is open, or `count` of one reason from `first` to `last`."""

    partition: int
    first: int
    last: int
    count: int
    reason: str
    since: int | None
    deadline: int | None
    overdue: bool

"""The owner's exact copy of a partition's small tables in Redis, and changes to them.

Redis decides. The copy is read whole at a claim, and changed only after a script has made the same change in Redis.
Every script checks that the owner's `applied` and `writes` are still those in Redis, so a copy that differs is noticed
at the next step and dropped.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

from unlearn.partition.cleanups.open_cleanups import Cleanup, OpenCleanups
from unlearn.partition.offset_runs import read_runs
from unlearn.partition.receipts.pending import OpenCopy, Pending, Uncounted
from unlearn.partition.slices.lineage import EMPTY
from unlearn.partition.slices.shard_slices import ShardSlices, Slice
from unlearn.partition.slices.sorted_numbers import keep_sorted

__all__ = [
    "AT_ONCE",
    "Change",
    "Cleanup",
    "Crash",
    "Open",
    "OpenCopy",
    "OpenRange",
    "Pending",
    "Slice",
    "State",
    "StillOpen",
    "Tables",
    "Unresolved",
    "slice_start",
]

AT_ONCE = 1000
"""How many table entries or events one script handles at most, so that none runs for long."""


class Open(NamedTuple):
    """A shard's rows since the last slice end, as in `Slice`; `accepted` counts the dead ones too."""

    sum: int = 0
    live: int = 0
    last_death: int = -1
    accepted: int = 0
    first_death: int = -1


class State(NamedTuple):
    """A stored learner state, of the rows with slot < its `through` that were not dead before `applied`."""

    applied: int
    file: str
    digest: str
    lineage: str = EMPTY
    rows: int = 0
    size: int = 0
    profile: str = ""
    summary: Mapping[str, float] = {}
    """What the learner tells of the state, for the manifest."""


class Crash(NamedTuple):
    """How many times a shard's training has crashed while it ran alone, on the way to the slice end `end`."""

    times: int
    end: int


class Unresolved(NamedTuple):
    """A possible deletion that could not be read. Times in ms since 1970; 0 stands for an unknown one, and a deadline
    of 0 is overdue."""

    reason: str
    deadline: int
    since: int = 0


class StillOpen(NamedTuple):
    """A possible deletion that is unresolved at one offset, or `total` of them from offset `first` to `last`."""

    first: int
    last: int
    total: int
    reason: str
    since: int
    deadline: int


class OpenRange(NamedTuple):
    """Many possible deletions that are unresolved for one reason. Its key is the offset of the first; its times are
    those of the earliest."""

    reason: str
    deadline: int
    since: int
    last: int
    total: int
    runs: str
    """Which offsets from the first to the last; see `unlearn.partition.offset_runs`."""


Command = Sequence[str | bytes]
"""A Redis command: name, key, arguments."""

Key = str | int | tuple[int, int]


def _number_list(text: str) -> tuple[int, int]:
    first, second = text.split(":")
    return int(first), int(second)


class _Table(NamedTuple):
    key: Callable[[str], Any]
    value: Callable[[str], Any]


def _listed(kind: Callable[..., Any]) -> Callable[[str], Any]:
    return lambda text: kind(*json.loads(text))


TABLES: Mapping[str, _Table] = {
    "meta": _Table(str, str),
    "slices": _Table(_number_list, _listed(Slice)),
    "hits": _Table(int, int),
    "open": _Table(int, _listed(Open)),
    "states": _Table(_number_list, _listed(State)),
    "cleanups": _Table(str, Cleanup.of),
    "outbox": _Table(int, json.loads),
    "pending": _Table(int, _listed(Pending)),
    "uncounted": _Table(int, _listed(Pending)),
    "open_copies": _Table(int, _listed(OpenCopy)),
    "unresolved": _Table(int, _listed(Unresolved)),
    "open_ranges": _Table(int, _listed(OpenRange)),
    "crashes": _Table(int, _listed(Crash)),
}


def encode_key(key: Key) -> str:
    """A key as the field of a Redis hash; a pair becomes `first:second`."""
    return f"{key[0]}:{key[1]}" if isinstance(key, tuple) else str(key)


_as_json = json.JSONEncoder(separators=(",", ":")).encode


def _as_list(values: Iterable[object]) -> str:
    """What the encoder gives of a list, at less cost: it prepares itself anew for each call."""
    return f"[{','.join([_TOLD.get(type(one), _as_json)(one) for one in values])}]"


_TOLD: Mapping[type, Callable[[Any], str]] = {
    int: str,
    str: encode_basestring_ascii,
    bool: lambda flag: "true" if flag else "false",
    type(None): lambda _: "null",
    tuple: _as_list,
    list: _as_list,
}


def encode_value(value: object) -> str:
    """A value as it stands in Redis: text and numbers as they are, everything else as JSON."""
    if isinstance(value, str | int):
        return str(value)
    return _as_list(value) if isinstance(value, tuple | list) else _as_json(value)


@dataclass(slots=True)
class Change:
    """New values for entries of the tables, and further Redis commands that belong to the same script."""

    tables: dict[str, dict[Any, Any]] = field(default_factory=dict)
    ops: list[Command] = field(default_factory=list)

    def put(self, table: str, key: Key, value: object) -> None:
        """Set an entry of a table."""
        self.tables.setdefault(table, {})[key] = value

    def drop(self, table: str, key: Key) -> None:
        """Remove an entry of a table."""
        self.tables.setdefault(table, {})[key] = None

    def commands(self, key_of: Callable[[str], str]) -> list[Command]:
        """Everything as Redis commands of at most 1,000 pairs each, `ops` last.

        `key_of` gives a table's key in Redis.
        """
        out: list[Command] = []
        for table, rows in self.tables.items():
            kept = [(encode_key(k), encode_value(v)) for k, v in rows.items() if v is not None]
            gone = [encode_key(k) for k, v in rows.items() if v is None]
            out += [("HSET", key_of(table), *chain.from_iterable(part)) for part in _chunks(kept)]
            out += [("HDEL", key_of(table), *part) for part in _chunks(gone)]
        return out + self.ops


def _chunks(items: list[Any], size: int = 1000) -> Iterable[list[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _sort(table: dict[Any, Any]) -> None:
    """Put a table's entries in the order in which they were added before the claim: by offset, the oldest first."""
    ordered = sorted(table.items(), key=lambda item: item[1].death if isinstance(item[1], Cleanup) else item[0])
    table.clear()
    table.update(ordered)


def slice_start(ends: Sequence[int], slot: int) -> int:
    """Where the slice of a slot starts, given the slice ends so far. Ends that come later don't change it."""
    at = bisect_right(ends, slot)
    return ends[at - 1] if at else 0


class Tables:
    """The tables of one partition, typed, from the fields of their Redis hashes. Change it only through `apply`."""

    def __init__(self, raw: Mapping[str, Mapping[bytes, bytes]]) -> None:
        read = {
            name: {table.key(k.decode()): table.value(v.decode()) for k, v in raw.get(name, {}).items()}
            for name, table in TABLES.items()
        }
        self._tables: dict[str, dict[Any, Any]] = read
        self.meta: dict[str, str] = read["meta"]
        self.slices: dict[tuple[int, int], Slice] = read["slices"]
        self.hits: dict[int, int] = read["hits"]
        self.open: dict[int, Open] = read["open"]
        self.states: dict[tuple[int, int], State] = read["states"]
        self.cleanups: dict[str, Cleanup] = read["cleanups"]
        self.outbox: dict[int, list[str]] = read["outbox"]
        self.pending: dict[int, Pending] = read["pending"]
        self.uncounted: dict[int, Pending] = read["uncounted"]
        """Deletions that are hidden, and whose senders are still to be told how many records they were about."""
        self.open_copies: dict[int, OpenCopy] = read["open_copies"]
        self.unresolved: dict[int, Unresolved] = read["unresolved"]
        self.open_ranges: dict[int, OpenRange] = read["open_ranges"]
        self.crashes: dict[int, Crash] = read["crashes"]
        for table in (self.cleanups, self.outbox, self.pending, self.uncounted, self.unresolved, self.open_ranges):
            _sort(table)
        self.ends: list[int] = sorted({end for _, end in self.slices})
        self._by_shard = _slices_by_shard(self.slices)
        self.open_cleanups = OpenCleanups(self.cleanups.items())
        self.late_counts = Uncounted(self.uncounted)
        self._throughs: dict[int, list[int]] = {}
        for shard, through in sorted(self.states):
            self._throughs.setdefault(shard, []).append(through)

    def number(self, name: str) -> int:
        """A counter of `meta`; 0 where it was never written."""
        return int(self.meta.get(name, 0))

    @property
    def applied(self) -> int:
        return self.number("applied")

    @property
    def writes(self) -> int:
        return self.number("writes")

    @property
    def registered(self) -> int:
        """The last slice end whose files the tables name; jobs use no slice beyond it."""
        return self.number("registered")

    @property
    def last_end(self) -> int:
        return self.ends[-1] if self.ends else 0

    @property
    def holed_before(self) -> int:
        """Every row that died before this offset has its hole in Redis.

        Later ones may not, while a clean-up is open.
        """
        oldest = self.open_cleanups.oldest()
        return self.applied if oldest is None else min(self.applied, oldest.death)

    def still_open(self) -> list[StillOpen]:
        """Every possible deletion that is unresolved, alone or in its range, in the order of the log."""
        apart = [StillOpen(at, at, 1, one.reason, one.since, one.deadline) for at, one in self.unresolved.items()]
        ranges = [
            StillOpen(first, held.last, held.total, held.reason, held.since, held.deadline)
            for first, held in self.open_ranges.items()
        ]
        return sorted(apart + ranges)

    def is_open(self, offset: int) -> bool:
        """Whether a possible deletion at the offset is unresolved."""
        near = (held for first, held in self.open_ranges.items() if first <= offset <= held.last)
        return offset in self.unresolved or any(a <= offset <= b for held in near for a, b in read_runs(held.runs))

    def start_of(self, slot: int) -> int:
        """Where the slot's slice starts; see `slice_start`."""
        return slice_start(self.ends, slot)

    def end_of(self, slot: int) -> int | None:
        """The end of the slot's slice; None while the slice is open."""
        at = bisect_right(self.ends, slot)
        return self.ends[at] if at < len(self.ends) else None

    def end_before(self, end: int) -> int:
        """The slice end before this one; 0 where there is none."""
        at = bisect_left(self.ends, end)
        return self.ends[at - 1] if at else 0

    def ends_after(self, offset: int) -> list[int]:
        """Slice ends beyond an offset, in order."""
        return self.ends[bisect_right(self.ends, offset) :]

    def ends_behind(self, offset: int) -> int:
        """How many slice ends lie beyond an offset."""
        return len(self.ends) - bisect_right(self.ends, offset)

    def of_shard(self, shard: int) -> ShardSlices:
        """The shard's ended slices, as they are now and after each further change."""
        return self._by_shard.setdefault(shard, ShardSlices())

    def holed(self) -> list[tuple[int, int, Slice]]:
        """(shard, end, slice) of the slices with holes in Redis."""
        return [(shard, end, held) for shard, slices in self._by_shard.items() for end, held in slices.holed()]

    def shards_at(self, end: int) -> list[int]:
        """The shards that have a slice with this end."""
        return [shard for shard in sorted(self._by_shard) if (shard, end) in self.slices]

    def shard_states(self, shard: int) -> list[tuple[int, State]]:
        """(through, state) of one shard, in order."""
        return [(through, self.states[shard, through]) for through in self._throughs.get(shard, ())]

    def states_beyond(self, shard: int, slot: int) -> list[int]:
        """The slice ends of the shard's states that may hold the row at `slot`."""
        throughs = self._throughs.get(shard, [])
        return throughs[bisect_right(throughs, slot) :]

    def apply(self, change: Change, applied: int) -> None:
        """Make a change that Redis has made, and count the write. `applied` is the next offset to apply."""
        for name, rows in change.tables.items():
            table = self._tables[name]
            for key, value in rows.items():
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = str(value) if name == "meta" else value
        self._note_slices(change.tables.get("slices", {}))
        for subject, cleanup in change.tables.get("cleanups", {}).items():
            self.open_cleanups.put(subject, cleanup)
        self.late_counts.put(change.tables.get("uncounted", {}).items())
        for shard, through in change.tables.get("states", {}):
            keep_sorted(self._throughs.setdefault(shard, []), through, there=(shard, through) in self.states)
        self.meta["applied"], self.meta["writes"] = str(applied), str(self.writes + 1)

    def _note_slices(self, changed: Mapping[tuple[int, int], Slice | None]) -> None:
        gone: dict[int, set[int]] = {}
        for (shard, end), held in changed.items():
            if held is None:
                gone.setdefault(shard, set()).add(end)
            else:
                self.of_shard(shard).put(end, held)
                keep_sorted(self.ends, end, there=True)
        for shard, ends in gone.items():
            self.of_shard(shard).drop(ends)
        if gone:
            # In place: a slice's end stays as long as any shard has an entry there.
            self.ends[:] = sorted({end for _, end in self.slices})


def _slices_by_shard(slices: Mapping[tuple[int, int], Slice]) -> dict[int, ShardSlices]:
    apart: dict[int, dict[int, Slice]] = {}
    for (shard, end), held in slices.items():
        apart.setdefault(shard, {})[end] = held
    return {shard: ShardSlices(apart[shard].items()) for shard in sorted(apart)}

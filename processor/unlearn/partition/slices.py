"""Rows on their way to the learners: open in memory, then in slice files.

A slice file is one shard's rows of one ended slice, columns side by side: slot, record digest, subject
digest (zeros where there is none), revision, label, features. Its header holds the slice's end and the
`applied` at which it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unlearn.errors import ArtefactInvalid
from unlearn_models.base.encoding import decode_arrays, encode_arrays
from unlearn_models.base.errors import ModelError
from unlearn_models.base.rows import Rows

__all__ = ["NO_SUBJECT", "Members", "OpenRows", "deaths", "decode_slice", "encode_slice"]

NO_SUBJECT = bytes(16)
NEVER = np.iinfo(np.int64).max
"""The death of a row that lives."""


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """n rows in slot order, with who they belong to.

    slots (n,) int64; records and subjects (n, 16) uint8; revisions (n,) int64; rows n.
    """

    slots: NDArray[np.int64]
    records: NDArray[np.uint8]
    subjects: NDArray[np.uint8]
    revisions: NDArray[np.int64]
    rows: Rows

    def __len__(self) -> int:
        return len(self.slots)

    def take(self, mask: NDArray[np.bool_]) -> Members:
        if mask.all():
            return self
        return Members(
            self.slots[mask], self.records[mask], self.subjects[mask], self.revisions[mask], self.rows.take(mask)
        )

    @staticmethod
    def concat(parts: Sequence[Members]) -> Members:
        if not parts:
            return Members.empty()
        return Members(
            np.concatenate([part.slots for part in parts]),
            np.concatenate([part.records for part in parts]),
            np.concatenate([part.subjects for part in parts]),
            np.concatenate([part.revisions for part in parts]),
            Rows.concat([part.rows for part in parts]),
        )

    @staticmethod
    def empty() -> Members:
        digests = np.zeros((0, 16), np.uint8)
        return Members(np.zeros(0, np.int64), digests, digests, np.zeros(0, np.int64), Rows.empty())


_COLUMNS = ("slots", "records", "subjects", "revisions")
_ROWS = tuple(column.name for column in fields(Rows))


def encode_slice(end: int, applied: int, members: Members) -> bytes:
    arrays: dict[str, NDArray[Any]] = {name: getattr(members, name) for name in _COLUMNS}
    arrays |= {name: getattr(members.rows, name) for name in _ROWS}
    return encode_arrays({"kind": "slice/1", "end": end, "applied": applied}, arrays)


def decode_slice(data: bytes) -> Members:
    """Raises ArtefactInvalid for anything but a slice file."""
    try:
        header, arrays = decode_arrays(data)
        if header.get("kind") != "slice/1":
            raise ArtefactInvalid("a file of the store is not a slice file")
        rows = Rows(**{name: arrays[name] for name in _ROWS})
        return Members(**{name: arrays[name] for name in _COLUMNS}, rows=rows)
    except (ModelError, KeyError, TypeError) as error:
        raise ArtefactInvalid(f"a slice file can't be read: {error}") from error


def deaths(
    members: Members, holes: Mapping[int, int], covers: Mapping[bytes, int]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(death of each row, NEVER for the living; whether only an open clean-up says so).

    `holes` maps slots, `covers` deleted subjects' digests to the offset that killed them. A hole was
    written first, hence it counts.
    """
    found = np.full(len(members), NEVER, np.int64)
    if covers:
        # By each row's subject: a flood covers more subjects than a file has rows.
        flat = members.subjects.tobytes()
        found[:] = [covers.get(flat[at : at + 16], NEVER) for at in range(0, len(flat), 16)]
    covered = found != NEVER
    if holes:
        slots = np.fromiter(holes, np.int64, len(holes))
        order = np.argsort(slots)
        slots, when = slots[order], np.fromiter(holes.values(), np.int64, len(holes))[order]
        at = np.minimum(np.searchsorted(slots, members.slots), len(slots) - 1)
        holed = slots[at] == members.slots
        found[holed] = when[at[holed]]
        covered &= ~holed
    return found, covered


class OpenRows:
    """The accepted rows whose slice is not registered yet, in slot order, by shard."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.int32], Members]] = []
        self._dead: set[int] = set()

    def add(self, shards: NDArray[np.int32], members: Members) -> None:
        if len(members):
            self._parts.append((shards, members))

    def kill(self, slots: Sequence[int]) -> None:
        """Rows with a hole in Redis; slots that aren't here are passed over at the cut."""
        self._dead.update(slots)

    def select(self, end: int) -> dict[int, Members]:
        """The rows below a slice's end that have no hole, by shard."""
        shards, members = self._below(end)
        alive = ~np.isin(members.slots, np.fromiter(self._dead, np.int64, len(self._dead)))
        return {int(shard): members.take((shards == shard) & alive) for shard in np.unique(shards[alive])}

    def all(self) -> Members:
        """Every row that is here and has no hole."""
        _, members = self._below(NEVER)
        return members.take(~np.isin(members.slots, np.fromiter(self._dead, np.int64, len(self._dead))))

    def of_subject(self, subject: bytes) -> Members:
        """The rows of one subject that have no hole yet."""
        _, members = self._below(NEVER)
        mine = (members.subjects == np.frombuffer(subject, np.uint8)).all(axis=1)
        mine &= ~np.isin(members.slots, np.fromiter(self._dead, np.int64, len(self._dead)))
        return members.take(mine)

    def drop(self, end: int) -> None:
        """The slice is registered: its rows are read from files from now on."""
        shards, members = self._below(NEVER)
        keep = members.slots >= end
        self._parts = [(shards[keep], members.take(keep))] if keep.any() else []
        self._dead = {slot for slot in self._dead if slot >= end}

    def __len__(self) -> int:
        return sum(len(members) for _, members in self._parts)

    def _below(self, end: int) -> tuple[NDArray[np.int32], Members]:
        if len(self._parts) > 1:
            shards = np.concatenate([shards for shards, _ in self._parts])
            self._parts = [(shards, Members.concat([members for _, members in self._parts]))]
        if not self._parts:
            return np.zeros(0, np.int32), Members.empty()
        shards, members = self._parts[0]
        if end > int(members.slots[-1]):
            return shards, members
        below = members.slots < end
        return shards[below], members.take(below)

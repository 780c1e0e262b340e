"""What an owner remembers of the ids that its partition knows, so that Redis isn't asked about those that are new.

Only the owner writes members, so what it has seen or written since it read them all is all there is. It remembers them
in Bloom filters: what isn't in one is surely unknown, and Redis is asked about the rest. A claim starts without them,
and they are filled while events are applied, some thousand members a turn. Until they are, Redis is asked about all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unlearn.kernels import bloom
from unlearn.partition.claimed_partition import ClaimedPartition

__all__ = ["KnownIds"]

Members = Literal["RECORDS", "SUBJECTS"]

_BITS_A_RECORD = 32
"""At so many bits one unknown id in some 50,000 is taken for a known one, so most batches don't ask Redis at all."""
_BITS_FOR_THE_DEAD = 4
"""Bits for dead subjects, for each record."""
_LEAST_RECORDS = 1 << 16
_MEMBERS_AT_ONCE = 5000
_FIELD_START = 2
"""Where in a digest the field begins."""
_LIVES = ord("L")


@dataclass(slots=True)
class _Filters:
    """Filters made for so many records, of which `held` were put in."""

    room: int
    held: int = 0
    records: NDArray[np.uint64] = field(init=False)
    dead: NDArray[np.uint64] = field(init=False)

    def __post_init__(self) -> None:
        self.records, self.dead = _words(self.room * _BITS_A_RECORD), _words(self.room * _BITS_FOR_THE_DEAD)


@dataclass(slots=True)
class _Walk:
    """Filters being filled: whose members are read now, and where the next call goes on."""

    filters: _Filters
    members: Members = "RECORDS"
    place: int = 0


class KnownIds:
    """The ids of one partition under one claim."""

    def __init__(self) -> None:
        self._filters: _Filters | None = None
        self._walk: _Walk | None = None

    def may_know(self, records: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which of the records, digests (n, 16), the partition may know (n,)."""
        return _look(self._filters.records if self._filters else None, records)

    def may_be_dead(self, subjects: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which of the subjects, digests (n, 16), may be dead or empty (n,)."""
        return _look(self._filters.dead if self._filters else None, subjects)

    def add(self, records: NDArray[np.uint8], dead: NDArray[np.uint8]) -> None:
        """Remember records that have entries now, and subjects that are dead or empty now, by digests (n, 16)."""
        for filters in (self._filters, self._walk.filters if self._walk else None):
            if filters is not None:
                filters.held += bloom.add(filters.records, records.reshape(-1), _FIELD_START, records.shape[1])
                bloom.add(filters.dead, dead.reshape(-1), _FIELD_START, dead.shape[1])

    def turn(self, owned: ClaimedPartition, most_bytes: int) -> None:
        """Read some members, if the filters aren't full or are too small; they take `most_bytes` at most.

        Raises Fenced, RolledBack, StateUnavailable.
        """
        if self._walk is None:
            self._begin(owned, most_bytes)
        if self._walk is not None:
            self._go_on(owned, self._walk)

    def _begin(self, owned: ClaimedPartition, most_bytes: int) -> None:
        most = most_bytes * 8 // (_BITS_A_RECORD + _BITS_FOR_THE_DEAD)
        held = self._filters.held if self._filters else owned.view.number("record_count")
        if self._filters is None or (held > self._filters.room and self._filters.room < most):
            room = min(max(_LEAST_RECORDS, 2 * held), most)
            if self._filters is not None and self._filters.room + room > most:
                # There are no bytes for both. Until the new ones are filled, Redis is asked about all.
                self._filters = None
            self._walk = _Walk(_Filters(room))

    def _go_on(self, owned: ClaimedPartition, walk: _Walk) -> None:
        walk.place, found = owned.fields(walk.members, walk.place, _MEMBERS_AT_ONCE)
        fields = np.frombuffer(found, np.uint8)
        if walk.members == "RECORDS":
            walk.filters.held += bloom.add(walk.filters.records, fields, 0, bloom.FIELD)
        else:
            each = fields.reshape(-1, bloom.FIELD + 1)
            dead = np.ascontiguousarray(each[each[:, bloom.FIELD] != _LIVES, : bloom.FIELD])
            bloom.add(walk.filters.dead, dead.reshape(-1), 0, bloom.FIELD)
        if walk.place < 0 and walk.members == "RECORDS":
            walk.members, walk.place = "SUBJECTS", 0
        elif walk.place < 0:
            self._filters, self._walk = walk.filters, None


def _words(bits: int) -> NDArray[np.uint64]:
    """An empty filter of so many bits at most, and of one block at least."""
    return np.zeros(max(1, bits // (64 * bloom.WORDS)) * bloom.WORDS, np.uint64)


def _look(words: NDArray[np.uint64] | None, digests: NDArray[np.uint8]) -> NDArray[np.bool_]:
    found = np.ones(len(digests), np.bool_)
    if words is not None and len(digests):
        bloom.look(words, np.ascontiguousarray(digests).reshape(-1), _FIELD_START, digests.shape[1], found)
    return found

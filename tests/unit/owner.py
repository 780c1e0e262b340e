"""An owner whose Redis is a script's replies by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import Change, Tables
from unlearn.state.keys import Keys
from unlearn.state.scripts import Op, Token


class HandState:
    """Answers HGETALL from `hashes` and walks from `records`, entries by name; keeps what is committed."""

    def __init__(self, hashes: Mapping[str, Mapping[bytes, bytes]], records: Mapping[bytes, bytes]) -> None:
        self.keys = Keys("m", 0)
        self.hashes = hashes
        self.records = records
        self.committed: list[Op] = []
        self.trouble = ""

    def read(self, token: Token, applied: int, writes: int, ops: Sequence[Op]) -> list[Any]:
        return [self._walk(op) if op[0] == "RECORDS.WALK" else _flat(self.hashes.get(str(op[1]), {})) for op in ops]

    def _walk(self, op: Op) -> list[Any]:
        """One record at a time; the place is its number."""
        names, place = list(self.records), int(op[1])
        some = {name: self.records[name] for name in names[place : place + 1]}
        return [place + 1 if place + 1 < len(names) else -1, _flat(some)]

    def mark_trouble(self, why: str) -> None:
        self.trouble = why

    def commit(
        self, token: Token, applied: int, writes: int, ops: list[Op], stop: int, need: Any, members: bytes
    ) -> None:
        self.committed += [*ops, *_unpacked(members)]


def _flat(reply: Mapping[bytes, bytes]) -> list[bytes]:
    return [x for pair in reply.items() for x in pair]


def _unpacked(members: bytes) -> list[Op]:
    """The packed entries as the commands that set them; there are no packed subjects."""
    found: list[Op] = []
    at = 4
    while at < len(members):
        end = at + 13 + members[at + 12]
        found.append(("RECORD.SET", members[at : at + 12], members[at + 13 : end]))
        at = end
    assert int.from_bytes(members[:4], "little") == len(found)
    return found


def owner(
    change: Change,
    applied: int,
    hashes: Mapping[str, Mapping[bytes, bytes]] | None = None,
    records: Mapping[bytes, bytes] | None = None,
) -> ClaimedPartition:
    """An owner with what `change` makes of empty tables."""
    view = Tables({})
    view.apply(change, applied)
    state: Any = HandState(hashes or {}, records or {})
    return ClaimedPartition(0, Token(1, "a" * 32), state, view)

"""An owner whose Redis is a script's replies by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import Change, Tables
from unlearn.state.keys import Keys
from unlearn.state.scripts import Op, Token


class HandState:
    """Answers HGETALL from `hashes`, and keeps what is committed."""

    def __init__(self, hashes: Mapping[str, Mapping[bytes, bytes]]) -> None:
        self.keys = Keys("m", 0)
        self.hashes = hashes
        self.committed: list[Op] = []
        self.trouble = ""

    def read(self, token: Token, applied: int, writes: int, ops: Sequence[Op]) -> list[Any]:
        held = [self.hashes.get(str(op[1]), {}) for op in ops]
        return [[x for pair in reply.items() for x in pair] for reply in held]

    def mark_trouble(self, why: str) -> None:
        self.trouble = why

    def commit(self, token: Token, applied: int, writes: int, ops: list[Op], stop: int, need: Any) -> None:
        self.committed += ops


def owner(change: Change, applied: int, hashes: Mapping[str, Mapping[bytes, bytes]] | None = None) -> ClaimedPartition:
    """An owner with what `change` makes of empty tables."""
    view = Tables({})
    view.apply(change, applied)
    state: Any = HandState(hashes or {})
    return ClaimedPartition(0, Token(1, "a" * 32), state, view)

"""Reading a partition's keys without a token, for those who only look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from unlearn.state.refusals import told
from unlearn.state.scripts import Op

__all__ = ["read_snapshot"]


def read_snapshot(client: redis.Redis, ops: Sequence[Op]) -> list[Any]:
    """The replies to read commands on one partition's keys, all at one moment.

    Raises StateUnavailable.
    """
    with told(client):
        try:
            return _replies(client, ops, whole=True)
        except redis.exceptions.OutOfMemoryError:
            # Without memory Redis refuses transactions, but writes too: nothing changes between the reads.
            return _replies(client, ops, whole=False)


def _replies(client: redis.Redis, ops: Sequence[Op], *, whole: bool) -> list[Any]:
    pipe = client.pipeline(transaction=whole)
    for op in ops:
        pipe.execute_command(*op)  # type: ignore[no-untyped-call]
    return list(pipe.execute())

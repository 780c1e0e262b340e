"""Operators' wishes are obeyed by the partition's owner, as part of its turn; see `asks`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import islice

from processor.asks import obey
from processor.owned import Owned

__all__ = ["Obeyer"]

_log = logging.getLogger(__name__)
_LOOK_EVERY = 2.0
_AT_ONCE = 1000
"""Wishes that one script fulfils, so that none is long."""


class Obeyer:
    """Looks every other second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._look_at: dict[int, float] = {}

    def turn(self, owned: Owned) -> None:
        """Raises Fenced, RolledBack, StateUnavailable."""
        now = self._clock()
        if owned.catching_up or now < self._look_at.get(owned.partition, 0.0):
            return
        self._look_at[owned.partition] = now + _LOOK_EVERY
        key = owned.state.keys.of("asked")
        reply = owned.read([("HGETALL", key)])[0]
        pairs = islice(zip(reply[::2], reply[1::2], strict=True), _AT_ONCE)
        # Whatever somebody wrote there has a reading, and is named again byte for byte.
        done = obey(owned.view, {field.decode("latin-1"): value.decode("latin-1") for field, value in pairs})
        if not done.fields:
            return
        done.change.ops.append(("HDEL", key, *(field.encode("latin-1") for field in done.fields)))
        owned.commit(done.change)
        owned.counters["retried"] += len(done.retried)
        owned.counters["resolved"] += len(done.resolved)
        _log.info(
            "partition %d, as asked: shards %s are tried again, offsets %s are resolved",
            owned.partition,
            done.retried,
            done.resolved,
        )

"""Operator requests are carried out by the partition's owner, as part of its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from itertools import islice

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.log.protocol import Unreadable
from unlearn.moments import dated
from unlearn.operator_requests.plan import plan_requests, steps_over
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import AT_ONCE, Change

__all__ = ["RequestRunner"]

_log = logging.getLogger(__name__)
_LOOK_EVERY = 2.0
_NAMED = 10


PassOver = Callable[[ClaimedPartition, int, Change], None]
"""Applies up to an offset as if nothing lay there, and makes a change in the same script."""
BeQuiet = Callable[[bool], None]
"""Whether the worker is to take no more events."""


class RequestRunner:
    """Looks every two seconds for requests to a partition's owner, and carries them out.

    `forget_within`: seconds from the time of records that are stepped over to their deadline, as possible deletions.
    """

    def __init__(
        self, pass_over: PassOver, be_quiet: BeQuiet, forget_within: float, clock: Clock = MACHINE_CLOCK
    ) -> None:
        self._pass_over = pass_over
        self._be_quiet = be_quiet
        self._forget_within = forget_within
        self._clock = clock
        self._look_at: dict[int, float] = {}

    def turn(self, owned: ClaimedPartition) -> None:
        """Carry out what is asked of the partition's owner. Raises Fenced, RolledBack, StateUnavailable."""
        now = self._clock.monotonic()
        if (owned.catching_up and not owned.blocked) or now < self._look_at.get(owned.partition, 0.0):
            return
        self._look_at[owned.partition] = now + _LOOK_EVERY
        key = owned.state.keys.of("asked")
        reply = owned.read([("HGETALL", key)])[0]
        pairs = islice(zip(reply[::2], reply[1::2], strict=True), AT_ONCE)
        # Latin-1 reads any bytes, and gives the same bytes back when the field is deleted.
        requests = {field.decode("latin-1"): value.decode("latin-1") for field, value in pairs}
        if owned.blocked is not None and self._step_over(owned, owned.blocked, requests):
            return
        if not owned.catching_up:
            self._carry_out(owned, requests, more=len(reply) > 2 * AT_ONCE)

    def _step_over(self, owned: ClaimedPartition, run: Unreadable, requests: Mapping[str, str]) -> bool:
        run = run._replace(since=dated(run.since, self._clock.wall_ms()))
        change = steps_over(owned.view, run, requests, owned.skips, self._forget_within)
        if change is None:
            return False
        change.ops.append(("HDEL", owned.state.keys.of("asked"), f"resolve:{run.start}"))
        self._pass_over(owned, run.stop, change)
        owned.counters["stepped_over"] += run.stop - run.start
        _log.warning(
            "partition %d: offsets %d to %d are stepped over, and stay unresolved: %s",
            owned.partition,
            run.start,
            run.stop - 1,
            run.reason,
        )
        return True

    def _carry_out(self, owned: ClaimedPartition, requests: Mapping[str, str], *, more: bool) -> None:
        """Carry these out. `more`: there are others, which the next turn looks at if this one gets done with some."""
        key = owned.state.keys.of("asked")
        done = plan_requests(owned.view, requests)
        if done.more or (more and done.fields):
            self._look_at[owned.partition] = self._clock.monotonic()
        if done.fields:
            done.change.ops.append(("HDEL", key, *(field.encode("latin-1") for field in done.fields)))
        if not done.change.tables and not done.change.ops:
            return
        if done.quiet is not None:
            # Before the request goes: whoever waits for that looks whether the worker is quiet.
            self._be_quiet(done.quiet)
        owned.commit(done.change)
        owned.counters["retried"] += len(done.retried)
        owned.counters["resolved"] += done.closed
        if not done.retried and not done.closed:
            return
        _log.info(
            "partition %d, as asked: shards %s are tried again, %d possible deletions are resolved, from offsets %s",
            owned.partition,
            done.retried,
            done.closed,
            done.resolved[:_NAMED],
        )

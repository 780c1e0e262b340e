"""What a worker waits for on Kafka's side: rights, logins, and records that can't be read. It is shown to operators."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from unlearn.environment.clock import Clock
from unlearn.log.protocol import Unreadable
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.state.scripts import PartitionState

__all__ = ["LOOK_AGAIN", "Troubles", "block"]

_log = logging.getLogger(__name__)
LOOK_AGAIN = 60.0
"""Seconds between attempts to read a place that couldn't be read."""
_TROUBLE_EVERY = 5.0


@dataclass(slots=True)
class _Blocked:
    at: float = 0.0
    """When reading was last tried and failed (monotonic seconds)."""


class Troubles:
    """Shows why Kafka refuses the worker for now, such as for a missing right: in the log once, in Redis all along."""

    def __init__(self, state_of: Callable[[int], PartitionState], clock: Clock) -> None:
        self._state_of = state_of
        self._clock = clock
        self._said = ""
        self._say_at = float("-inf")

    def show(self, ways: Iterable[object], partitions: Iterable[int], counters: Counter[str]) -> None:
        """Show the first `trouble` that one of the `ways` to Kafka has, for each of these partitions.

        Readers, tails and producers have that attribute where they can tell; it is empty if all is well.
        """
        trouble = next((words for way in ways if (words := getattr(way, "trouble", ""))), "")
        if trouble and trouble != self._said:
            counters["kafka_trouble"] += 1
            _log.warning("waiting for Kafka: %s", trouble)
        if trouble and self._clock.monotonic() >= self._say_at:
            self._say_at = self._clock.monotonic() + _TROUBLE_EVERY
            for partition in partitions:
                self._state_of(partition).mark_trouble(f"Kafka: {trouble}")
        self._said = trouble


def block(owned: ClaimedPartition, run: Unreadable, stopped: dict[int, str], now: float, again: float) -> bool:
    """Note that the log can't be read on at `run`, and stop reading there. Returns whether to try again now.

    That is every `again` seconds; `now` is monotonic. What was applied before goes on being trained, hidden and
    published.
    """
    partition = owned.partition
    why = (
        f"{run.reason}; what lies behind waits. To step over offsets {run.start} to {run.stop - 1}: "
        f"unlearn resolve {partition}/{run.start} --none, or --sent"
    )
    if stopped.get(partition) != why:
        _log.error("partition %d is stopped: %s", partition, why)
        owned.state.mark_stopped(why, run.start)
        stopped[partition] = why
    last = owned.kept(_Blocked)
    again_now = owned.blocked is not None and now - last.at >= again
    if owned.blocked is None or again_now:
        last.at = now
    owned.blocked = run
    return again_now

"""Step 12 of the loop: heartbeats, which name the owner's newest manifest as the one in force."""

from __future__ import annotations

from collections.abc import Iterator

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.log.protocol import Producer
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Heartbeat, heartbeat_key
from unlearn.settings import Settings

__all__ = ["Heartbeats"]


class Heartbeats:
    """Sends the heartbeats of owned partitions."""

    def __init__(self, settings: Settings, producer: Producer, clock: Clock = MACHINE_CLOCK) -> None:
        self._settings = settings
        self._producer = producer
        self._clock = clock

    def turn(self, owned: ClaimedPartition) -> None:
        """Send a heartbeat if it is time and our token holds. Raises Fenced, RolledBack, StateUnavailable."""
        waited = self._clock.monotonic() - owned.heartbeat_at
        if owned.manifest is not None and waited >= self._settings.heartbeat_every:
            owned.read([("EXISTS", owned.state.keys.meta)])
            self.beat(owned)

    def beat(self, owned: ClaimedPartition) -> None:
        """Send a heartbeat now, unless there is no manifest, or a deletion is past its deadline."""
        if owned.manifest is None or any(_late(owned.view, self._clock.wall() * 1000)):
            return
        owned.heartbeat_at = self._clock.monotonic()
        manifest = owned.manifest
        beat = Heartbeat(counter=manifest.token.counter, nonce=manifest.token.nonce, sequence=manifest.sequence)
        key = heartbeat_key(self._settings.model, owned.partition)
        self._producer.send(self._settings.results_topic, 0, key, beat.encode())


def _late(view: Tables, now: float) -> Iterator[bool]:
    return (pending.deadline < now for pending in view.pending.values())

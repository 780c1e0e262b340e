"""When a drain is done: manifests cover all that was in the log when it began, whoever owns the partitions.

It waits for the events below the log's ends, then for the copies and forwards that those caused, then appends one seal
to each partition with live open rows, then waits for manifests that cover all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from unlearn.forwarding.dues import letters_by_reason
from unlearn.log.protocol import Log, Producer
from unlearn.maintenance.seal import SEAL_EVENT
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Manifest
from unlearn.results.results_topic import Results
from unlearn.settings import Settings
from unlearn.state.scripts import PartitionState
from unlearn.training.quarantine import quarantined

__all__ = ["Drain", "covered", "remaining"]


def remaining(view: Tables, target: int) -> str | None:
    """Why a partition has not yet applied and sent on everything below `target`; None if it has."""
    if view.applied < target:
        return f"{target - view.applied} events are not applied yet"
    if view.outbox:
        return f"{len(view.outbox)} events are not sent on yet"
    return None


def covered(view: Tables, manifest: Manifest | None, target: int) -> str | None:
    """Why the newest manifest does not yet cover the partition below `target`; None if it does."""
    if view.pending or view.cleanups:
        return f"{len(view.pending)} deletions are not hidden, {len(view.cleanups)} not cleaned up"
    if view.uncounted:
        return f"the senders of {len(view.uncounted)} deletions are not told how many records they were about"
    if manifest is None or manifest.applied < target:
        return "no manifest covers it yet"
    given_up = quarantined(view)
    late = [e.shard for e in manifest.shards if e.through < view.last_end and e.shard not in given_up]
    if late:
        return f"shards {late} are not trained up to {view.last_end}"
    return None


@dataclass
class Drain:
    """Follows all partitions of a model through Redis, the log and the results topic. Call `step` until it is True."""

    settings: Settings
    log: Log
    producer: Producer
    state_of: Callable[[int], PartitionState]
    results: Results
    targets: dict[int, int] = field(default_factory=dict)
    waiting: dict[int, str] = field(default_factory=dict)
    """What is still to come, by partition; for people."""
    stopped: dict[int, str] = field(default_factory=dict)
    quarantined: dict[int, list[int]] = field(default_factory=dict)
    """Shards in quarantine, by partition. They are not waited for."""
    unresolved: dict[int, int] = field(default_factory=dict)
    """How many possible deletions are open, by partition."""
    dead_letters: dict[int, dict[str, int]] = field(default_factory=dict)
    """How many dead letters there were since the model was made, by partition and reason."""
    _phase: int = 0

    def step(self) -> bool:
        """Look once. Returns whether all is done. Partitions in `stopped` are not waited for.

        Raises LogUnavailable, StateUnavailable.
        """
        if not self.targets:
            self.targets = self._ends()
        states = {p: self.state_of(p) for p in self.targets}
        self.stopped = {p: why for p, state in states.items() if (why := state.stopped())}
        views = {p: Tables(state.load()) for p, state in states.items() if p not in self.stopped}
        self.quarantined = {p: shards for p, view in views.items() if (shards := quarantined(view))}
        held = {p: sum(one.total for one in view.still_open()) for p, view in views.items()}
        self.unresolved = {p: count for p, count in held.items() if count}
        self.dead_letters = {p: letters for p, view in views.items() if (letters := letters_by_reason(view.meta))}
        if self._phase < _SEALED:
            self.waiting = _reasons({p: remaining(view, self.targets[p]) for p, view in views.items()})
            if not self.waiting:
                self._advance(views)
            return False
        self.waiting = _reasons({p: self._uncovered(p, view) for p, view in views.items()})
        return not self.waiting

    def _uncovered(self, partition: int, view: Tables) -> str | None:
        if partition < self.settings.partitions:
            return covered(view, self.results.of(partition).manifest, self.targets[partition])
        # A partition beyond the model's publishes nothing, but may have read deletions and sent copies of them.
        waiting = len(view.pending) + len(view.uncounted)
        return f"{waiting} deletions are not hidden and counted" if waiting else None

    def _advance(self, views: Mapping[int, Tables]) -> None:
        self._phase += 1
        if self._phase == _COPIED:
            # The copies and forwards lie below the ends as they are now.
            self.targets = self._ends()
        else:
            for partition, view in views.items():
                if any(held.live for held in view.open.values()):
                    self.targets[partition] = self._seal(partition) + 1

    def _seal(self, partition: int) -> int:
        sent = self.producer.send(self.settings.events_topic, partition, None, SEAL_EVENT)
        return sent.result(timeout=self.settings.kafka.request_timeout)

    def _ends(self) -> dict[int, int]:
        return {p: end for p, (_, end) in self.log.bounds(self.settings.events_topic).items()}


_COPIED, _SEALED = 1, 2


def _reasons(found: Mapping[int, str | None]) -> dict[int, str]:
    return {partition: why for partition, why in found.items() if why is not None}

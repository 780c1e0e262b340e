"""Whether a worker lives: its loop turns, and each partition with something to do gets on. Pure decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from unlearn.monitoring.snapshot import Snapshot

__all__ = ["Liveness", "readiness"]


class _Moved(NamedTuple):
    moves: tuple[int, ...]
    since: float


class Liveness:
    """Looks at snapshots as they come. `stuck_after`: seconds without a move."""

    def __init__(self, stuck_after: float) -> None:
        self._stuck_after = stuck_after
        self._moved: dict[int, _Moved] = {}

    def look(self, snapshot: Snapshot, ends: Mapping[int, int], log_away: str = "") -> None:
        """Note what has moved since the snapshot before. `ends`: the log's ends, as far as they are known; `log_away`:
        why the log gives no answer, or empty.

        A partition that has nothing to do, whose records aren't read for now, or that may wait for a service that is
        away, counts as moving: no restart would mend that.
        """
        found: dict[int, _Moved] = {}
        away = snapshot.unfit or snapshot.unheard or log_away
        for partition, facts in snapshot.partitions.items():
            held = self._moved.get(partition)
            works = facts.busy or (facts.applied < ends.get(partition, 0) and not facts.held)
            waits = bool(away) or partition in snapshot.waits or snapshot.leaving
            still = held is not None and held.moves == facts.moves and works and not waits
            found[partition] = held if still and held is not None else _Moved(facts.moves, snapshot.at)
        self._moved = found

    def stuck(self, last_turn: float, now: float) -> dict[str, float]:
        """What stands still for longer than it may: the loop, or partitions; with the seconds."""
        if now - last_turn > self._stuck_after:
            return {"the loop": now - last_turn}
        late = {partition: now - one.since for partition, one in self._moved.items()}
        return {f"partition {partition}": age for partition, age in late.items() if age > self._stuck_after}


def readiness(snapshot: Snapshot | None) -> str:
    """Why the worker isn't ready; empty where it is.

    A worker without partitions is ready once it has joined: the group may have none to give.
    """
    return "it is starting" if snapshot is None else next(_hindrances(snapshot), "")


def _hindrances(snapshot: Snapshot) -> Iterator[str]:
    if snapshot.leaving:
        yield "it is leaving"
    if snapshot.unfit:
        yield f"Redis can't be used: {snapshot.unfit}"
    if snapshot.unheard:
        yield f"Redis gives no answer: {snapshot.unheard}"
    if not snapshot.joined:
        yield "the group has not told it its partitions yet"
    if snapshot.waits:
        yield f"the store is away for partitions {', '.join(map(str, snapshot.waits))}"
    missing = snapshot.assigned - len(snapshot.partitions) - len(snapshot.stopped)
    if missing > 0:
        yield f"{missing} of {snapshot.assigned} partitions are not claimed yet"

"""Watches a worker: takes snapshots between its turns, and asks the log how far it is, on a thread of its own."""

from __future__ import annotations

import logging
import platform
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import UnlearnError
from unlearn.log.next_records import NextRecords
from unlearn.log.protocol import Log
from unlearn.monitoring.held_back import HeldBack, held_back
from unlearn.monitoring.liveness import Liveness, readiness
from unlearn.monitoring.metrics import About, Lag, Seen, Totals, WorkerMetrics
from unlearn.monitoring.snapshot import Snapshot, take_snapshot
from unlearn.monitoring.stacks import all_stacks
from unlearn.settings import Settings
from unlearn.worker.loop import Worker

__all__ = ["Monitor"]

_log = logging.getLogger(__name__)
_LOOK_EVERY = 1.0
_ASK_EVERY = 5.0
_ANSWERS_WITHIN = 10.0
"""Seconds after which a log that hasn't answered counts as away; its own time-out may be half a minute."""
_SHARE = 0.02
"""Share of the worker's time that snapshots take, at most: those of very many open deletions are taken less often."""


class Monitor:
    """`turned` is for the thread that takes the worker's turns; everything else, for any thread."""

    def __init__(self, log: Log, settings: Settings, clock: Clock = MACHINE_CLOCK) -> None:
        self._log, self._topic, self._clock = log, settings.events_topic, clock
        self._liveness, self.totals = Liveness(settings.stuck_after), Totals()
        self._lock = threading.Lock()
        self._newest: Snapshot | None = None
        self._look_at, self._turned_at = 0.0, clock.monotonic()
        self._ends: Mapping[int, int] = {}
        self._held_back: Mapping[int, HeldBack] = {}
        self._asked_at: float | None = None
        self._away = ""
        self._next = NextRecords(log, settings.events_topic)
        self._published: dict[int, tuple[int, float]] = {}
        self._stop = threading.Event()
        self._stuck: frozenset[str] = frozenset()
        build = {"version": version("unlearn-stream"), "python": platform.python_version()}
        about = About(settings.model, settings.partitions, build)
        seen = Seen(self.lags, self.manifest_ages, self._stuck_now)
        self.metrics = WorkerMetrics(lambda: self._newest, self.totals, seen, about)

    def turned(self, worker: Worker) -> None:
        """The worker has taken a turn."""
        now = self._clock.monotonic()
        self._turned_at = now
        if now < self._look_at:
            return
        snapshot = take_snapshot(worker, self._clock)
        with self._lock:
            self._liveness.look(snapshot, self._ends, self._log_away())
            self.totals.add(snapshot)
            self._newest = snapshot
            self._note_manifests(worker, now)
        took = self._clock.monotonic() - now
        self._look_at = now + max(_LOOK_EVERY, took / _SHARE)

    def not_alive(self) -> str:
        """What stands still for too long; empty where nothing does."""
        return _told(self._stuck_now())

    def not_ready(self) -> str:
        """Why it isn't ready; empty where it is."""
        return readiness(self._newest) or self._log_away()

    def _log_away(self) -> str:
        """Why nothing is known of the log now; empty where it answers."""
        asked_at = self._asked_at
        waited = 0.0 if asked_at is None else self._clock.monotonic() - asked_at
        return self._away or (f"Kafka has not answered for {waited:.0f} s" if waited > _ANSWERS_WITHIN else "")

    def lags(self) -> dict[int, Lag]:
        """How far each owned partition is behind its log, of those whose end is known."""
        if self._log_away():
            return {}
        snapshot, ends, held, now = self._newest, self._ends, self._held_back, self._clock.wall()
        found: dict[int, Lag] = {}
        for partition, facts in snapshot.partitions.items() if snapshot else ():
            if partition in ends:
                behind = max(0, ends[partition] - facts.applied)
                came = self._next.came(partition)
                seconds = max(0.0, now - came) if behind and came is not None else 0.0
                waits = self._clock.monotonic() - held[partition].since if partition in held else 0.0
                found[partition] = Lag(behind, seconds, waits)
        return found

    def manifest_ages(self) -> dict[int, float]:
        """Seconds since each owned partition's last manifest was acknowledged, as far as that was seen."""
        now = self._clock.monotonic()
        with self._lock:
            return {partition: now - at for partition, (_, at) in self._published.items()}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While it lasts, the log is asked for its ends, and what stands still leaves all stacks in the log, once."""
        asking = threading.Thread(target=self._ask, name="lag", daemon=True)
        looking = threading.Thread(target=self._look, name="liveness", daemon=True)
        asking.start()
        looking.start()
        try:
            yield
        finally:
            self._stop.set()
            looking.join()

    def _note_manifests(self, worker: Worker, now: float) -> None:
        owned = {p: one.manifest_offset for p, one in worker.owned.items() if one.manifest is not None}
        before = self._published
        self._published = {
            partition: before[partition] if before.get(partition, (-1,))[0] == offset else (offset, now)
            for partition, offset in owned.items()
        }
        for partition, (offset, at) in before.items():
            if partition in owned and owned[partition] != offset:
                self.totals.manifest_gaps.add(now - at)

    def _stuck_now(self) -> dict[str, float]:
        with self._lock:
            return self._liveness.stuck(self._turned_at, self._clock.monotonic())

    def _look(self) -> None:
        while not self._stop.wait(_LOOK_EVERY):
            stuck = self._stuck_now()
            if new := set(stuck) - self._stuck:
                _log.error("%s; all stacks:\n%s", _told({name: stuck[name] for name in sorted(new)}), all_stacks())
            self._stuck = frozenset(stuck)

    def _ask(self) -> None:
        """The log may hang: nothing waits for this thread."""
        while not self._stop.is_set():
            self._asked_at = self._clock.monotonic()
            try:
                written, bounds = self._log.written(self._topic), self._log.bounds(self._topic)
                self._ends = {partition: end for partition, (_, end) in bounds.items()}
                self._held_back = held_back(self._held_back, self._ends, written, self._clock.monotonic())
                self._ask_next()
                self._heard("")
            except UnlearnError as error:
                self._heard(str(error))
            except Exception as error:  # noqa: BLE001  whatever it is, the lag goes on being asked for
                _log.exception("how far the log is can't be told")
                self._heard(f"{type(error).__name__} while the log was asked for its ends")
            self._asked_at = None
            self._stop.wait(_ASK_EVERY)

    def _heard(self, away: str) -> None:
        """Note why the log gives no answer; empty where it does."""
        if away:
            self._ends = {}
            self.totals.log_silences += 1
            if not self._away:
                _log.warning("how far the log is can't be told now: %s", away)
        self._away = away

    def _ask_next(self) -> None:
        """When the next record to apply came, of the partitions that are behind."""
        snapshot = self._newest
        applied = {p: facts.applied for p, facts in snapshot.partitions.items()} if snapshot else {}
        self._next.look(applied, self._ends)


def _told(stuck: Mapping[str, float]) -> str:
    return "; ".join(f"{what} stands still for {seconds:.0f} s" for what, seconds in stuck.items())

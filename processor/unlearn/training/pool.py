"""Where jobs run: in this process, or in a pool of processes that die with their parent."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from ctypes import Array, c_int64
from dataclasses import replace
from multiprocessing import get_context
from typing import ClassVar, NamedTuple

from unlearn.partition.jobs import Job, Trained
from unlearn.service_settings.store import StoreSettings
from unlearn.settings import Settings
from unlearn.storage.artefacts import Store, open_store
from unlearn.storage.marker import Guarded, Marker
from unlearn.training.live_states import LiveStates
from unlearn.training.trainer import run
from unlearn_models.base.kernel import compile_lacking
from unlearn_models.base.learner import Learner

__all__ = ["InlineTrainers", "LearnerSpec", "PoolTrainers"]


class LearnerSpec(NamedTuple):
    """What a trainer process needs: the learner, and the store's settings, model and expected marker."""

    learner: Learner
    where: StoreSettings
    model: str
    marker: Marker | None

    def store(self) -> Store:
        """Open the store, guarded if there is a marker to expect."""
        store = open_store(self.where, self.model)
        if self.marker is None:
            return store
        guarded = Guarded(store)
        guarded.bind(self.marker)
        return guarded


class InlineTrainers:
    """Runs each job at once, in this process."""

    def __init__(self, learner: Learner, store: Store) -> None:
        self._learner = learner
        self._store = store
        self._live = LiveStates()
        self.free = 1
        self.idle = True

    def submit(self, job: Job) -> Future[Trained]:
        future: Future[Trained] = Future()
        try:
            future.set_result(run(job, self._learner, self._store, live=self._live))
        except Exception as error:  # noqa: BLE001  whatever a job raises is its result, as in a pool
            future.set_exception(error)
        return future

    def restart(self) -> None:
        pass

    def close(self) -> None:
        pass


class PoolTrainers:
    """A pool of `settings.trainers` spawned processes.

    If it breaks, the jobs under way fail with BrokenProcessPool, and the next job is given to a new pool.
    """

    def __init__(self, settings: Settings, learner: Learner, marker: Marker | None = None) -> None:
        self._size = settings.trainers
        self._spec = LearnerSpec(learner, settings.store, settings.model, marker)
        self._seats: dict[Future[Trained], int] = {}
        self._pool = self._make()

    @property
    def free(self) -> int:
        self._seats = {future: seat for future, seat in self._seats.items() if not future.done()}
        return self._size - len(self._seats)

    def submit(self, job: Job) -> Future[Trained]:
        """Start the job in a process that is free; call it only while `free` is above 0."""
        taken = {seat for future, seat in self._seats.items() if not future.done()}
        seat = min(set(range(self._size)) - taken)
        try:
            future = self._submit(job, seat)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = self._make()
            future = self._submit(job, seat)
        self._seats[future] = seat
        return future

    def finished(self, future: Future[Trained]) -> int:
        """How many slices a job under way has gone through."""
        return self._finished[self._seats[future]] if future in self._seats else 0

    def _submit(self, job: Job, seat: int) -> Future[Trained]:
        self._finished[seat] = 0
        return self._pool.submit(_run, replace(job, seat=seat))

    @property
    def idle(self) -> bool:
        return self.free == self._size

    def restart(self) -> None:
        """Kill the processes: the jobs under way fail with BrokenProcessPool."""
        for process in list((self._pool._processes or {}).values()):  # noqa: SLF001  there is no public way
            process.kill()

    def close(self) -> None:
        """End all jobs at once: the next owner does them again."""
        self.restart()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make(self) -> ProcessPoolExecutor:
        context = get_context("spawn")
        # Without a lock, which a trainer could die holding; each job writes to its own place alone.
        self._finished = context.RawArray(c_int64, self._size)
        return ProcessPoolExecutor(
            self._size,
            mp_context=context,
            initializer=_start,
            initargs=(self._spec, os.getpid(), self._finished),
        )


class _Process:
    """What a trainer process was started with."""

    learner: ClassVar[Learner]
    store: ClassVar[Store]
    finished: ClassVar[Array[c_int64]]
    live: ClassVar[LiveStates] = LiveStates()


def _start(spec: LearnerSpec, parent: int, finished: Array[c_int64]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    compile_lacking()  # a job that stands still for so long would be given up
    _Process.learner = spec.learner
    _Process.store = spec.store()
    _Process.finished = finished


def _die_with(parent: int) -> None:
    """End this process when its parent has ended, however that happened."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _run(job: Job) -> Trained:
    def finished() -> None:
        _Process.finished[job.seat] += 1

    return run(job, _Process.learner, _Process.store, finished, _Process.live)

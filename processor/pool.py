"""Where jobs run: in this process, or in a pool of processes that die with their parent."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import ClassVar, NamedTuple

from models import make_learner
from models.learner import Learner
from processor.jobs import Job, Trained
from processor.settings import Settings
from processor.store import Store, open_store
from processor.train import run

__all__ = ["InlineTrainers", "LearnerSpec", "PoolTrainers", "learner_of"]


class LearnerSpec(NamedTuple):
    """What a trainer process needs to make the same learner and reach the same store."""

    learner: str
    classes: tuple[str, ...]
    n_features: int
    store_url: str
    model: str


def learner_of(settings: Settings) -> Learner:
    return make_learner(settings.learner, settings.classes, settings.features)


class InlineTrainers:
    """Runs each job at once, in this process."""

    def __init__(self, learner: Learner, store: Store) -> None:
        self._learner = learner
        self._store = store
        self.free = 1
        self.idle = True

    def submit(self, job: Job) -> Future[Trained]:
        future: Future[Trained] = Future()
        try:
            future.set_result(run(job, self._learner, self._store))
        except Exception as error:  # noqa: BLE001  whatever a job raises is its result, as in a pool
            future.set_exception(error)
        return future

    def restart(self) -> None:
        pass

    def close(self) -> None:
        pass


class PoolTrainers:
    """A pool of spawned processes. A broken pool is made anew; its jobs fail, and are scheduled again."""

    def __init__(self, settings: Settings) -> None:
        self._size = settings.trainers
        self._spec = LearnerSpec(
            settings.learner, settings.classes, settings.features, settings.store.url, settings.model
        )
        self._busy: set[Future[Trained]] = set()
        self._pool = self._make()

    @property
    def free(self) -> int:
        self._busy = {future for future in self._busy if not future.done()}
        return self._size - len(self._busy)

    def submit(self, job: Job) -> Future[Trained]:
        try:
            future = self._pool.submit(_run, job)
        except BrokenProcessPool:
            self._pool.shutdown(wait=False)
            self._pool = self._make()
            future = self._pool.submit(_run, job)
        self._busy.add(future)
        return future

    @property
    def idle(self) -> bool:
        return self.free == self._size

    def restart(self) -> None:
        """Kill the processes: the jobs under way fail with BrokenProcessPool."""
        for process in list((self._pool._processes or {}).values()):  # noqa: SLF001  there is no public way
            process.kill()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _make(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._size,
            mp_context=get_context("spawn"),
            initializer=_start,
            initargs=(self._spec, os.getpid()),
        )


class _Process:
    """What a trainer process was started with."""

    learner: ClassVar[Learner]
    store: ClassVar[Store]


def _start(spec: LearnerSpec, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with, args=(parent,), daemon=True).start()
    _Process.learner = make_learner(spec.learner, spec.classes, spec.n_features)
    _Process.store = open_store(spec.store_url, spec.model)


def _die_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _run(job: Job) -> Trained:
    return run(job, _Process.learner, _Process.store)

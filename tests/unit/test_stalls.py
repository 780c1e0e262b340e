"""A job counts as hung when it goes through no slice for `stall_after`, however long it takes in all."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.unit.owner import owner
from tests.unit.rows_by_hand import members
from unlearn.environment.clock import Clock
from unlearn.partition.claimed_partition import ClaimedPartition, Running
from unlearn.partition.jobs import Job, Part, Trained
from unlearn.partition.tables import Change
from unlearn.settings import Settings
from unlearn.storage.artefacts import open_store
from unlearn.storage.slice_files import encode_slice
from unlearn.training.dispatch import Training
from unlearn.training.pool import PoolTrainers
from unlearn.training.protocol import ReportingTrainers
from unlearn.training.trainer import run
from unlearn_models import make_learner


class Hand:
    """Trainers that say what they are told to say."""

    def __init__(self) -> None:
        self.done: dict[Future[Trained], int] = {}
        self.free, self.idle, self.restarts = 1, False, 0

    def submit(self, job: Job) -> Future[Trained]:
        raise NotImplementedError

    def finished(self, future: Future[Trained]) -> int:
        return self.done[future]

    def restart(self) -> None:
        self.restarts += 1
        for future in self.done:
            future.set_exception(BrokenProcessPool())

    def close(self) -> None:
        raise NotImplementedError


class WatchedTraining:
    def __init__(self) -> None:
        self.now = 0.0
        self.hand = Hand()
        settings = Settings(secret=SecretStr("0123456789abcdef"), stall_after=10.0)
        self.training = Training(settings, self.hand, False, Clock(monotonic=lambda: self.now))
        self.owned: ClaimedPartition = owner(Change(), 10)

    def begin(self, shard: int) -> Future[Trained]:
        future: Future[Trained] = Future()
        self.hand.done[future] = 0
        self.owned.running[shard] = Running(job(shard), future, self.now)
        return future

    def at(self, now: float, done: Mapping[Future[Trained], int]) -> bool:
        """Whether jobs under way are ended then, after they have gone through so many slices."""
        self.now = now
        self.hand.done |= done
        self.training.settle(self.owned)
        return self.hand.restarts > 0


def job(shard: int = 0, *learn: Part) -> Job:
    return Job(0, shard, 10, None, learn, (), {}, frozenset(), None, "1-aa-1")


def test_a_job_that_makes_progress_is_not_stalled() -> None:
    watched = WatchedTraining()
    future = watched.begin(0)

    assert not any(watched.at(9.0 * n, {future: n}) for n in range(1, 20))


def test_a_job_without_progress_is_stalled() -> None:
    watched = WatchedTraining()
    future = watched.begin(0)
    assert not watched.at(9.0, {future: 1})
    assert not watched.at(19.0, {})
    assert watched.at(19.5, {})
    assert (watched.owned.counters["stalled"], watched.owned.running) == (1, {})


def test_progress_of_another_job_does_not_save_a_stalled_one() -> None:
    watched = WatchedTraining()
    watched.begin(0)
    other = watched.begin(1)

    assert not watched.at(9.0, {other: 1})
    assert watched.at(10.5, {other: 2})


# -- the trainers' side


def slices(folder: Path) -> tuple[Settings, tuple[Part, ...]]:
    settings = Settings(
        secret=SecretStr("0123456789abcdef"), store={"url": folder.as_uri()}, trainers=2, learner="linear", features=64
    )
    store = open_store(settings.store, settings.model)
    for end in (10, 20, 30):
        store.put(str(end), encode_slice(end, end, members((end - 1, b""))))
    return settings, tuple(Part(end, str(end), {}, 0) for end in (10, 20, 30))


def test_every_slice_learned_or_forgotten_is_told(tmp_path: Path) -> None:
    settings, parts = slices(tmp_path)
    store, learner = open_store(settings.store, settings.model), make_learner("naive-bayes", settings.classes, 64)
    told: list[None] = []

    def tell() -> None:
        told.append(None)

    built = run(job(0, *parts), learner, store, tell).built[-1]
    assert len(told) == 3
    run(replace(job(0), applied=40, base=(built.through, built.state), forget=parts[:2]), learner, store, tell)
    assert len(told) == 3 + 2


@pytest.mark.slow
def test_a_pool_counts_for_each_job(tmp_path: Path) -> None:
    settings, parts = slices(tmp_path)
    trainers = PoolTrainers(settings, make_learner("linear", settings.classes, 64))
    assert isinstance(trainers, ReportingTrainers)
    try:
        first, second = trainers.submit(job(0, *parts)), trainers.submit(job(1, *parts[:1]))
        assert not first.result(120).agrees
        second.result(120)
        assert [trainers.finished(first), trainers.finished(second)] == [3, 1]
        assert trainers.free == 2
        third = trainers.submit(job(0, *parts[:2]))
        third.result(120)
        assert trainers.finished(third) == 2
    finally:
        trainers.close()

"""New rows alone are gathered for a shard's next job; a deletion, or an idle partition, never waits."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from pydantic import SecretStr

from tests.unit.owner import owner
from unlearn.environment.clock import Clock
from unlearn.partition.jobs import Built, Job, Trained
from unlearn.partition.ledger import Kill
from unlearn.partition.tables import Change, Slice, State
from unlearn.settings import Settings
from unlearn.training.dispatch import Training
from unlearn.training.pacing import Paces, wait_after

COST = 0.01
WAIT = wait_after(COST, 1)


def test_the_wait_grows_with_the_cost_and_ends_at_its_limit() -> None:
    assert wait_after(0.0, 3) == 0.0
    assert wait_after(0.01, 3) == 50 * 0.01 * 3
    assert wait_after(10.0, 3) == 5.0


def test_all_shards_that_were_trained_share_the_time() -> None:
    paces = Paces()
    paces.note((0, 0), 100.0, 0.01, 10)
    assert not paces.ripe((0, 0), 101.4, 3)
    assert paces.ripe((0, 0), 101.6, 3)

    paces.note((1, 0), 100.0, 0.01, 10)
    assert not paces.ripe((0, 0), 102.9, 3)
    assert paces.ripe((0, 0), 103.1, 3)
    assert paces.ripe((0, 1), 100.0, 3), "it has no job to wait after"

    paces.forget_partition(1)
    assert paces.ripe((0, 0), 101.6, 3)


class Trainers:
    """They do each job at once, and say that it took `COST` seconds."""

    free, idle = 1, True

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def submit(self, job: Job) -> Future[Trained]:
        self.jobs.append(job)
        future: Future[Trained] = Future()
        state = State(job.applied, f"f{len(self.jobs)}", "d" * 64)
        future.set_result(Trained([Built(job.through, state)], seconds=COST))
        return future

    def restart(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Site:
    """One shard of one partition; slices end at 10, 20, ..."""

    def __init__(self, forgets: bool) -> None:
        self.now = 100.0
        self.trainers = Trainers()
        settings = Settings(secret=SecretStr("0123456789abcdef"), shards_per_partition=1, window=0)
        clock = Clock(monotonic=lambda: self.now)
        self.training = Training(settings, self.trainers, forgets, clock)
        self.owned = owner(Change(), 0)
        self.end = 0

    def end_slice(self) -> None:
        self.end += 10
        change = Change()
        change.put("slices", (0, self.end), Slice(5, 5, -1, "file", 5))
        change.put("meta", "registered", self.end)
        self.owned.commit(change, self.end)

    def kill(self, slot: int) -> None:
        """As the plan of a batch does."""
        applied, change = self.owned.view.applied, Change()
        end = self.owned.view.end_of(slot)
        assert end is not None
        held = self.owned.view.slices[0, end]
        change.put("slices", (0, end), held._replace(live=held.live - 1, last_death=applied))
        change.put("hits", 0, applied + 1)
        if not self.training._forgets:
            for through in self.owned.view.states_beyond(0, slot):
                change.drop("states", (0, through))
        self.owned.commit(change, applied + 1)
        self.owned.note_kills([Kill(slot, applied, 0)], self.now)

    def turn(self, after: float = 0.0, idle: bool = False) -> list[int]:
        """The slice ends that are learned in a turn so much later."""
        self.now += after
        before = len(self.trainers.jobs)
        self.training.turn(self.owned, idle)
        return [part.end for job in self.trainers.jobs[before:] for part in job.learn]


@pytest.fixture(params=[True, False])
def site(request: pytest.FixtureRequest) -> Site:
    found = Site(request.param)
    found.end_slice()
    assert found.turn() == [10], "the first job doesn't wait"
    found.end_slice()
    return found


def test_new_rows_wait_and_are_learned_together(site: Site) -> None:
    assert site.turn() == []
    site.end_slice()
    assert site.turn(0.9 * WAIT) == []
    assert site.turn(0.2 * WAIT) == [20, 30]


def test_an_idle_partition_doesnt_wait(site: Site) -> None:
    assert site.turn(idle=True) == [20]


def test_a_hit_shard_doesnt_wait(site: Site) -> None:
    assert not site.training.recovering(site.owned)
    site.kill(3)

    assert site.training.recovering(site.owned)
    site.turn()
    assert [job.through for job in site.trainers.jobs] == [10, 20]
    assert not site.training.recovering(site.owned)


def test_a_row_that_dies_before_it_is_learned_doesnt_wait_either(site: Site) -> None:
    site.kill(13)

    assert site.turn() == [20]


def test_a_shard_whose_newest_state_is_gone_doesnt_wait(site: Site) -> None:
    change = Change()
    change.drop("states", (0, 10))
    change.put("states", (0, 5), State(5, "older", "d" * 64))
    site.owned.commit(change)

    assert site.turn() == [10, 20]


def test_a_shard_that_was_hit_once_waits_again_and_isnt_waited_for(site: Site) -> None:
    site.kill(3)
    site.turn()
    site.end_slice()

    assert site.turn() == []
    assert not site.training.recovering(site.owned)
    assert site.turn(1.1 * WAIT) == [30]


def test_what_one_job_left_out_doesnt_wait(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.training.schedule._JOB_ROWS", 5)
    site.end_slice()

    assert site.turn(1.1 * WAIT) == [20]
    assert site.turn() == [30]
    site.end_slice()
    assert site.turn() == []


def test_after_a_failure_only_the_retry_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(job: Job) -> Future[Trained]:
        future: Future[Trained] = Future()
        future.set_exception(ValueError())
        return future

    monkeypatch.setattr(site.trainers, "submit", failing)
    assert site.turn(1.0) == []
    monkeypatch.undo()

    assert site.turn(5.1) == [20]


def test_another_owner_doesnt_wait(site: Site) -> None:
    site.training.forget_partition(0)

    assert site.turn() == [20]

"""A row that breaks its training takes its shard down, and nothing else; without the row the shard heals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import poison
from tests.harness.worker_harness import WorkerHarness
from unlearn.training.pool import PoolTrainers
from unlearn.worker.loop import Worker


class Pooled(WorkerHarness):
    """A worker that trains in two processes of their own."""

    def make_worker(self, *, rebuild: bool = False) -> Worker:
        worker = super().make_worker(rebuild=rebuild)
        self.trainers = PoolTrainers(self.settings.model_copy(update={"trainers": 2}), self.learner)
        worker._training._trainers = worker._trainers = self.trainers
        return worker

    @property
    def crashed(self) -> set[tuple[int, int]]:
        return {(p, shard) for p, held in self.worker.owned.items() for shard in held.view.crashes}

    def statuses(self) -> set[str]:
        """Of all shards in the newest manifests."""
        manifests = [held.manifest for held in self.worker.owned.values()]
        return {entry.status for manifest in manifests if manifest for entry in manifest.shards}

    def poison(self, kind: int) -> None:
        self.send(
            {"type": "insert", "record_id": "bad", "subject_id": "sue", "label": "spam", "features": {"3": kind}}, "sue"
        )
        self.seal()


@pytest.fixture
def pooled(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pooled]:
    monkeypatch.setattr("unlearn.training.pool._run", poison.run)
    monkeypatch.setattr("unlearn.training.outcomes._RETRY", 0.1)
    made = Pooled(redis_url, tmp_path, slice_span=1000)
    made.tweets(200)
    made.seal()
    yield made
    made.close()


def heals(pooled: Pooled) -> None:
    """Everything else is trained; and all of it once the row is gone."""
    blamed: set[tuple[int, int]] = set()

    def given_up() -> bool:
        blamed.update(pooled.crashed)
        return pooled.counts["quarantined"] > 0 and not any(o.running for o in pooled.worker.owned.values())

    pooled.turn_until(given_up)
    # Only the shard that did it was ever blamed, whatever ran beside it.
    assert len(blamed) == 1
    assert pooled.crashed == blamed
    pooled.turn_until(lambda: not pooled.worker.busy)
    assert (
        len([s for held in pooled.status().partitions for s in held.shards if s.status in ("behind", "left-out")]) == 1
    )
    # It is left alone ...
    failed = pooled.counts["jobs_failed"]
    for _ in range(100):
        pooled.worker.turn(0.005)
    assert pooled.counts["jobs_failed"] == failed
    # ... until the row dies.
    pooled.delete(subject="sue", event_id="gone")
    pooled.rest()
    assert pooled.crashed == set()
    assert "gone" in pooled.event_ids("hidden")
    assert pooled.statuses() == {"current"}
    assert pooled.verdict() == "equal"


def test_a_row_that_kills_its_trainer(pooled: Pooled) -> None:
    pooled.poison(poison.KILLS)
    heals(pooled)
    # The first time others may have died with it; the next three it was alone.
    assert pooled.counts["jobs_failed"] >= 4
    assert pooled.counts["stalled"] == 0


@pytest.mark.soak
def test_a_row_that_never_ends(pooled: Pooled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.training.quarantine.LIMIT", 1)
    pooled.rest()
    training = pooled.worker._training
    training._settings = training._settings.model_copy(update={"stall_after": 6.0})
    pooled.poison(poison.HANGS)
    heals(pooled)
    assert pooled.counts["stalled"] >= 2


def test_a_row_that_takes_all_memory(pooled: Pooled) -> None:
    pooled.rest()
    pool = pooled.trainers._pool
    pooled.poison(poison.STARVES)
    heals(pooled)
    assert pooled.counts["jobs_failed"] == 3
    assert pooled.trainers._pool is pool


def test_a_trainer_killed_from_outside_costs_one_try(pooled: Pooled) -> None:
    # Given a trainer at work
    pooled.turn_until(lambda: any(held.running for held in pooled.worker.owned.values()))
    # When the system kills it
    pooled.trainers.restart()
    # Then it is done again, and nobody is blamed for long
    pooled.rest()
    assert pooled.counts["jobs_failed"] >= 1
    assert pooled.counts["quarantined"] == 0
    assert pooled.crashed == set()
    assert pooled.verdict() == "equal"


def test_a_row_superseded_heals_too(pooled: Pooled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.training.quarantine.LIMIT", 1)
    pooled.rest()
    pooled.poison(poison.STARVES)
    pooled.turn_until(lambda: pooled.counts["quarantined"])
    better = {
        "type": "insert",
        "record_id": "bad",
        "subject_id": "sue",
        "revision": 1,
        "label": "ham",
        "text": "a word",
    }
    pooled.send(better, "sue")
    pooled.seal()
    pooled.rest()
    assert pooled.crashed == set()
    assert pooled.verdict() == "equal"

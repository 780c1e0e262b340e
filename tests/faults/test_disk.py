"""A store that is full or fails: nothing half-written is referenced, deletions go on, and all else once it can."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.worker_harness import WorkerHarness
from unlearn.storage.artefacts import FolderStore
from unlearn.storage.marker import Guarded

Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerHarness]:
    monkeypatch.setattr("unlearn.worker.loop._STORE_RETRY", 0.1)
    monkeypatch.setattr("unlearn.training.outcomes._RETRY", 0.1)
    monkeypatch.setattr("unlearn.state.scripts._TROUBLE_LASTS", 1)
    made = WorkerHarness(redis_url, tmp_path, slice_span=50, learner="linear", tail_every=0.05, erase_after=0.05)
    made.tweets(300)
    made.rest()
    yield made
    made.close()


def full(patch: pytest.MonkeyPatch) -> None:
    """Writes reach a device that has no room."""

    def write(path: Path, data: bytes) -> None:
        path.write_bytes(data[: len(data) // 2])
        with Path("/dev/full").open("wb", buffering=0) as device:
            device.write(data)

    patch.setattr("unlearn.storage.artefacts._write_synced", write)


def failing(patch: pytest.MonkeyPatch) -> None:
    """The medium says at fsync that it could not write."""

    def fsync(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    patch.setattr("unlearn.storage.artefacts.os.fsync", fsync)


def unreadable(patch: pytest.MonkeyPatch) -> None:
    """A mount that has gone."""

    def gone(*_: Any) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    patch.setattr("unlearn.storage.artefacts.Path.read_bytes", gone)
    failing(patch)


def files(store: FolderStore) -> set[str]:
    return {name for name, _ in store.names("")}


def store_of(harness: WorkerHarness) -> FolderStore:
    guarded = harness.worker._sealer._store
    assert isinstance(guarded, Guarded)
    store = guarded.store
    assert isinstance(store, FolderStore)
    return store


@pytest.mark.parametrize(
    ("break_it", "says"),
    [(full, "No space left on device"), (failing, "Input/output error"), (unreadable, "Input/output error")],
)
def test_the_store_is_away(harness: WorkerHarness, break_it: Break, says: str) -> None:
    claims, slices, store = harness.counts["claims"], harness.counts["slices"], store_of(harness)
    before = files(store)
    with pytest.MonkeyPatch.context() as patch:
        # Given a store that takes nothing, and rows whose slices end
        break_it(patch)
        harness.tweets(300, seed=2)
        harness.turn_until(lambda: harness.counts["store_lost"] > 3 and harness.caught_up())
        # When somebody is to be forgotten, whose row is published
        harness.forget()
        # Then that is done all the same: the shard is withdrawn
        withdrawals = harness.counts["withdrawals"]
        harness.turn_until(lambda: "gone" in harness.event_ids("hidden"))
        assert harness.counts["withdrawals"] > withdrawals
        status = harness.status()
        assert any(says in (held.trouble or "") for held in status.partitions)
        assert status.lag == 0
        # And no slice was registered, no training blamed, no claim given up
        assert harness.counts["slices"] == slices
        assert harness.counts["claims"] == claims
        assert not any(held.view.crashes for held in harness.worker.owned.values())
        named = {
            held.file for owned in harness.worker.owned.values() for held in owned.view.slices.values() if held.file
        }
        assert named <= before
    # When it is back, the same worker makes up for everything
    harness.rest()
    assert harness.counts["slices"] > slices
    assert not any(name.endswith(".part") for name in files(store))
    assert harness.verdict() == "equal"
    harness.turn_until(lambda: all(held.trouble is None for held in harness.status().partitions))


def test_rows_without_a_file_are_bounded(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.worker.loop._MOST_OPEN_ROWS", 100)
    monkeypatch.setattr(harness.worker, "_settings", harness.settings.model_copy(update={"batch_records": 40}))
    with pytest.MonkeyPatch.context() as patch:
        # Given a full store
        full(patch)
        # When more comes than memory may hold
        harness.tweets(1500, seed=3)
        harness.turn_until(lambda: all(held.paused for held in harness.worker.owned.values()))
        at = harness.applied
        for _ in range(50):
            harness.worker.turn(0.005)
        # Then its partitions wait in the log
        assert harness.applied == at
        assert harness.status().lag > 500
        assert harness.counts["pauses"] == 2
        assert max(len(held.open_rows) for held in harness.worker.owned.values()) < 100 + 2 * 50 + 2 * 40
    # When there is room, they go on
    harness.rest()
    assert harness.verdict() == "equal"

"""A store that is full or fails: nothing half-written is referenced, deletions go on, and all else once it can."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.rig import Sick
from unlearn.storage.artefacts import FolderStore
from unlearn.storage.marker import Guarded

Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def sick(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sick]:
    monkeypatch.setattr("unlearn.worker.loop._STORE_RETRY", 0.1)
    monkeypatch.setattr("unlearn.training.outcomes._RETRY", 0.1)
    monkeypatch.setattr("unlearn.state.scripts._TROUBLE_LASTS", 1)
    made = Sick(redis_url, tmp_path, slice_span=50, learner="linear", tail_every=0.05, erase_after=0.05)
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


def store_of(sick: Sick) -> FolderStore:
    guarded = sick.worker._sealer._store
    assert isinstance(guarded, Guarded)
    store = guarded.store
    assert isinstance(store, FolderStore)
    return store


@pytest.mark.parametrize(
    ("break_it", "says"),
    [(full, "No space left on device"), (failing, "Input/output error"), (unreadable, "Input/output error")],
)
def test_the_store_is_away(sick: Sick, break_it: Break, says: str) -> None:
    claims, slices, store = sick.counts["claims"], sick.counts["slices"], store_of(sick)
    before = files(store)
    with pytest.MonkeyPatch.context() as patch:
        # Given a store that takes nothing, and rows whose slices end
        break_it(patch)
        sick.tweets(300, seed=2)
        sick.turn_until(lambda: sick.counts["store_lost"] > 3 and sick._caught_up())
        # When somebody is to be forgotten, whose row is published
        sick.forget()
        # Then that is done all the same: the shard is withdrawn
        withdrawals = sick.counts["withdrawals"]
        sick.turn_until(lambda: "gone" in sick.receipts("hidden"))
        assert sick.counts["withdrawals"] > withdrawals
        status = sick.status()
        assert any(says in (held.trouble or "") for held in status.partitions)
        assert status.lag == 0
        # And no slice was registered, no training blamed, no claim given up
        assert sick.counts["slices"] == slices
        assert sick.counts["claims"] == claims
        assert not any(held.view.crashes for held in sick.worker.owned.values())
        named = {held.file for owned in sick.worker.owned.values() for held in owned.view.slices.values() if held.file}
        assert named <= before
    # When it is back, the same worker makes up for everything
    sick.rest()
    assert sick.counts["slices"] > slices
    assert not any(name.endswith(".part") for name in files(store))
    assert sick.verdict() == "equal"
    sick.turn_until(lambda: all(held.trouble is None for held in sick.status().partitions))


def test_rows_without_a_file_are_bounded(sick: Sick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.worker.loop._MOST_OPEN_ROWS", 100)
    monkeypatch.setattr(sick.worker, "_settings", sick.settings.model_copy(update={"batch_records": 40}))
    with pytest.MonkeyPatch.context() as patch:
        # Given a full store
        full(patch)
        # When more comes than memory may hold
        sick.tweets(1500, seed=3)
        sick.turn_until(lambda: all(held.paused for held in sick.worker.owned.values()))
        at = sick.applied
        for _ in range(50):
            sick.worker.turn(0.005)
        # Then its partitions wait in the log
        assert sick.applied == at
        assert sick.status().lag > 500
        assert sick.counts["pauses"] == 2
        assert max(len(held.open_rows) for held in sick.worker.owned.values()) < 100 + 2 * 50 + 2 * 40
    # When there is room, they go on
    sick.rest()
    assert sick.verdict() == "equal"

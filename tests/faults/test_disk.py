"""A store that is full or fails: nothing half-written is referenced, deletions go on, and all else once it can."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness.settings import new_name
from tests.harness.worker_harness import WorkerHarness
from tests.object_server import ObjectServer
from unlearn.storage.artefacts import Store
from unlearn.storage.marker import Guarded

Broken = Callable[[pytest.FixtureRequest], AbstractContextManager[None]]


@pytest.fixture
def harness(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[WorkerHarness]:
    """Its store is a folder unless the test asks for a bucket."""
    monkeypatch.setattr("unlearn.worker.loop._STORE_RETRY", 0.1)
    monkeypatch.setattr("unlearn.training.outcomes._RETRY", 0.1)
    monkeypatch.setattr("unlearn.state.scripts._TROUBLE_LASTS", 1)
    changed: dict[str, Any] = {"slice_span": 50, "learner": "linear", "tail_every": 0.05, "erase_after": 0.05}
    if getattr(request, "param", "folder") == "bucket":
        server: ObjectServer = request.getfixturevalue("s3")
        changed["store"] = server.settings(server.make_bucket(new_name()).name, request_timeout=0.5)
    made = WorkerHarness(redis_url, tmp_path, **changed)
    made.tweets(300)
    made.rest()
    yield made
    made.close()


@contextmanager
def full(_: pytest.FixtureRequest) -> Iterator[None]:
    """Writes reach a device that has no room."""

    def write(path: Path, data: bytes) -> None:
        path.write_bytes(data[: len(data) // 2])
        with Path("/dev/full").open("wb", buffering=0) as device:
            device.write(data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unlearn.storage.artefacts._write_synced", write)
        yield


@contextmanager
def failing(_: pytest.FixtureRequest) -> Iterator[None]:
    """The medium says at fsync that it could not write."""

    def fsync(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unlearn.storage.artefacts.os.fsync", fsync)
        yield


@contextmanager
def unreadable(request: pytest.FixtureRequest) -> Iterator[None]:
    """A mount that has gone."""

    def gone(*_: Any) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.MonkeyPatch.context() as patch, failing(request):
        patch.setattr("unlearn.storage.artefacts.Path.read_bytes", gone)
        yield


@contextmanager
def killed(request: pytest.FixtureRequest) -> Iterator[None]:
    """No server of the bucket."""
    server: ObjectServer = request.getfixturevalue("s3")
    server.kill()
    yield
    server.start()


@contextmanager
def frozen(request: pytest.FixtureRequest) -> Iterator[None]:
    """A server of the bucket that takes requests and never answers."""
    server: ObjectServer = request.getfixturevalue("s3")
    server.freeze()
    yield
    server.thaw()


def files(store: Store) -> set[str]:
    return {name for name, *_ in store.names("")}


def store_of(harness: WorkerHarness) -> Store:
    guarded = harness.worker._sealer._store
    assert isinstance(guarded, Guarded)
    return guarded.store


@pytest.mark.parametrize(
    ("harness", "broken", "says"),
    [
        ("folder", full, "No space left on device"),
        ("folder", failing, "Input/output error"),
        ("folder", unreadable, "Input/output error"),
        ("bucket", killed, "Connection refused"),
        ("bucket", frozen, "no answer within"),
    ],
    indirect=["harness"],
)
def test_the_store_is_away(harness: WorkerHarness, broken: Broken, says: str, request: pytest.FixtureRequest) -> None:
    claims, slices, store = harness.counts["claims"], harness.counts["slices"], store_of(harness)
    before = files(store)
    with broken(request):
        # Given a store that takes nothing, and rows whose slices end
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


def test_rows_without_a_file_are_bounded(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("unlearn.worker.loop._MOST_OPEN_ROWS", 100)
    monkeypatch.setattr(harness.worker, "_settings", harness.settings.model_copy(update={"batch_records": 40}))
    with full(request):
        # Given a full store
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

"""Scenes of the fault tests, on a real Redis."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.databases import database
from tests.faults.raising import FIRST, META, PROBE, instrument
from tests.harness.breakable_services import RewindableRedis
from tests.harness.memory_harness import MemoryHarness
from tests.harness.simulation_harness import SimulationHarness, closing
from tests.object_server import ObjectServer
from unlearn.environment.redis_client import connect
from unlearn.state.keys import Keys
from unlearn.state.scripts import PartitionState
from unlearn.storage.artefacts import Store, open_store

MakeHarness = Callable[..., SimulationHarness]


@pytest.fixture(scope="module")
def redis_url(redis_url: str) -> Iterator[str]:
    """Of a database that each module leaves empty, floods and all."""
    with database(redis_url, 2) as own:
        yield own


@pytest.fixture
def make_harness(redis_url: str) -> Iterator[MakeHarness]:
    """Makes harnesses; no client of theirs waits for Redis, and clean-ups take two rows at a time."""
    with ExitStack() as stack:

        def make(*arguments: Any, url: str = redis_url, **named: Any) -> SimulationHarness:
            return stack.enter_context(closing(SimulationHarness(url, *arguments, **named)))

        yield make


@pytest.fixture
def in_a_bucket(s3: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stores of memory harnesses are buckets of a real S3 server."""

    def in_its_bucket(_: Path, model: str) -> tuple[Store, Path]:
        bucket = s3.make_bucket(model)
        return open_store(s3.settings(bucket.name), model), bucket.folder / model

    monkeypatch.setattr(MemoryHarness, "new_store", staticmethod(in_its_bucket))


@pytest.fixture(params=["folder", "bucket"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """The test runs on stores of both kinds."""
    if request.param == "bucket":
        request.getfixturevalue("in_a_bucket")
    return str(request.param)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RewindableRedis]:
    """To be asked for before `make_harness`: harnesses end first."""
    with RewindableRedis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    found = connect(redis_url)
    yield found
    found.delete(PROBE)
    found.close()


@pytest.fixture
def state(client: redis.Redis) -> Iterator[PartitionState]:
    """A partition claimed by FIRST: 10 applied, nothing written."""
    keys = Keys(f"t{uuid.uuid4().hex[:12]}", 0)
    found = PartitionState(client, keys)
    assert found.claim(FIRST, META) is None
    yield found
    client.delete(*client.scan_iter(match=f"{keys.prefix}*"))


@pytest.fixture
def probed(client: redis.Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> redis.Redis:
    """From now on scripts raise after the call at which PROBE reaches 0."""
    instrument(client, monkeypatch, tmp_path)
    return client

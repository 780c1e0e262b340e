"""Scenes of the fault tests, on a real Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.databases import database
from tests.harness.breakable_services import RewindableRedis
from tests.harness.simulation_harness import SimulationHarness, closing

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
def own_redis(tmp_path: Path) -> Iterator[RewindableRedis]:
    """To be asked for before `make_harness`: harnesses end first."""
    with RewindableRedis(tmp_path / "redis") as server:
        yield server

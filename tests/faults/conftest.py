"""Scenes of the fault tests, on a real Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.databases import database
from tests.faults.past import OwnRedis
from tests.faults.scene import Scene, closing
from unlearn.simulate.determinism import deterministic

MakeScene = Callable[..., Scene]


@pytest.fixture(scope="module")
def redis_url(redis_url: str) -> Iterator[str]:
    """Of a database that each module leaves empty, floods and all."""
    with database(redis_url, 2) as own:
        yield own


@pytest.fixture
def make_scene(redis_url: str) -> Iterator[MakeScene]:
    """Makes scenes; no client waits for Redis, and clean-ups take two rows at a time."""
    with ExitStack() as stack:
        stack.enter_context(deterministic())

        def make(*arguments: Any, url: str = redis_url, **named: Any) -> Scene:
            return stack.enter_context(closing(Scene(url, *arguments, **named)))

        yield make


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """To be asked for before `make_scene`: scenes end first."""
    with OwnRedis(tmp_path / "redis") as server:
        yield server

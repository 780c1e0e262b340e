"""Scenarios that several tests look at are run once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.scenario import Finished, play, settings_of
from tests.integration.scene import Scene


@pytest.fixture
def scene(redis_url: str, tmp_path: Path) -> Iterator[Scene]:
    """A worker in this process that nothing was sent to yet."""
    scene = Scene(redis_url, tmp_path)
    yield scene
    scene.close()


@pytest.fixture(scope="session", params=["naive-bayes", "linear"])
def finished(
    request: pytest.FixtureRequest, kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """The scenario of the main job, played to its end with one learner. It withdraws every shard that is hit."""
    folder = tmp_path_factory.mktemp(request.param)
    return play(settings_of(kafka, redis_url, folder, learner=request.param, withdraw="always"), folder)

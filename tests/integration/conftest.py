"""Scenarios that several tests look at are run once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.worker_harness import WorkerHarness
from tests.integration.scenario import Finished, play, scenario_settings


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[WorkerHarness]:
    """A worker in this process that nothing was sent to yet."""
    harness = WorkerHarness(redis_url, tmp_path)
    yield harness
    harness.close()


@pytest.fixture(scope="session", params=["linear", pytest.param("naive-bayes", marks=pytest.mark.soak)])
def finished(
    request: pytest.FixtureRequest, kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """The scenario of the main job, played to its end with one learner. It withdraws every shard that is hit."""
    folder = tmp_path_factory.mktemp(request.param)
    return play(scenario_settings(kafka, redis_url, folder, learner=request.param, withdraw="always"), folder)

"""The histories look through all of Redis: what earlier tests left in ours would slow each of them down."""

from __future__ import annotations

import os

import pytest
import redis


@pytest.fixture(scope="module", autouse=True)
def _emptied(request: pytest.FixtureRequest) -> None:
    if "UNLEARN_REDIS__URL" not in os.environ:
        with redis.Redis.from_url(request.getfixturevalue("redis_url")) as client:
            client.flushall()

"""The histories have a Redis database of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.databases import database


@pytest.fixture(scope="module")
def redis_url(redis_url: str) -> Iterator[str]:
    with database(redis_url, 1) as own:
        yield own

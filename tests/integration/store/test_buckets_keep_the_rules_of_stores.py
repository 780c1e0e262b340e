"""The suite that every store must pass, on buckets of a real S3 server: with and without a cache of what was read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.harness.settings import new_name
from tests.object_server import ObjectServer
from tests.store_suite import *  # noqa: F403
from unlearn.storage.artefacts import open_store
from unlearn.storage.buckets.store import BucketStore


class BucketRig:
    def __init__(self, server: ObjectServer, cache_bytes: int) -> None:
        self._server = server
        bucket = server.make_bucket(new_name())
        self._settings = server.settings(bucket.name, "a/prefix", cache_bytes=cache_bytes)
        self.folder = bucket.folder / "a" / "prefix" / "model"
        self.store = self.again()

    def again(self) -> BucketStore:
        store = open_store(self._settings, "model")
        assert isinstance(store, BucketStore)
        return store

    @contextmanager
    def away(self) -> Iterator[None]:
        """The server is killed."""
        self._server.kill()
        yield
        self._server.start()


@pytest.fixture(params=[0, 1 << 20], ids=["plain", "cached"])
def rig(s3: ObjectServer, request: pytest.FixtureRequest) -> BucketRig:
    return BucketRig(s3, request.param)

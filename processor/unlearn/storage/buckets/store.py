"""A store in a bucket: names are written once, ages are by the server's clock, and what was read is kept in memory."""

from __future__ import annotations

from collections.abc import Iterator

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import ArtefactInvalid, ArtefactMissing, StoreDenied, StoreUnavailable
from unlearn.service_settings.store import StoreSettings
from unlearn.storage.artefacts import MARKER, Stored, check_name, is_whole
from unlearn.storage.buckets.calls import BucketCalls
from unlearn.storage.buckets.client import connect
from unlearn.storage.buckets.probe import BucketProbe
from unlearn.storage.buckets.read_cache import Held, ReadCache

__all__ = ["BucketStore", "open_bucket"]


def open_bucket(settings: StoreSettings, model: str, clock: Clock = MACHINE_CLOCK) -> BucketStore:
    """The store of one model in a bucket. Nothing is asked of it yet. Raises SettingsError."""
    calls = BucketCalls(*connect(settings, model), clock.monotonic)
    return BucketStore(calls, BucketProbe(calls, clock.monotonic), ReadCache(settings.cache_bytes, clock.monotonic))


class BucketStore:
    """A store in a bucket."""

    def __init__(self, calls: BucketCalls, probe: BucketProbe, cache: ReadCache) -> None:
        self._calls = calls
        self._probe = probe
        self._cache = cache

    def check(self) -> None:
        """As any store's. Raises StoreDenied and StoreMissing, too."""
        self._probe.check()

    def marker(self) -> bytes | None:
        try:
            return self._calls.read(MARKER).data
        except ArtefactMissing:
            return None

    def mark(self, data: bytes) -> bytes:
        self._calls.create(MARKER, data)
        return self.marker() or b""

    def put(self, name: str, data: bytes) -> None:
        check_name(name)
        tag = self._calls.create(name, data)
        if tag is None and self.get(name) != data:
            raise StoreUnavailable(f"the store {self._calls.place} has other bytes by the name {name}")
        if tag:
            self._cache.put(name, Held(data, tag))

    def get(self, name: str, size: int | None = None) -> bytes:
        check_name(name)
        known = self._cache.get(name)
        try:
            held = self._calls.read(name, known, size)
        except ArtefactMissing:
            self._cache.forget(name)
            raise
        if size not in (None, len(held.data)):
            raise ArtefactInvalid(f"{name} has {len(held.data)} bytes, not {size}")
        if held is known or (held.tag and is_whole(name, held.data)):
            self._cache.put(name, held)
        return held.data

    def names(self, prefix: str) -> Iterator[Stored]:
        now = self._probe.now()
        found = self._calls.written(prefix)
        found.pop(MARKER, None)
        self._cache.forget_all_but(found.keys(), prefix)
        return (Stored(name, max(0.0, now - at), size) for name, (at, size) in sorted(found.items()))

    def delete(self, *names: str) -> None:
        denied: StoreDenied | None = None
        for name in names:
            check_name(name)
            self._cache.forget(name)
            try:
                self._calls.delete(name)
            except StoreDenied as error:
                denied = denied or error
        if denied is not None:
            raise denied

"""A store in a bucket of S3, Google Cloud Storage or Azure, by obstore.

A name is written by a conditional put: once, whole or not at all. Ages are by the server's clock. What the bucket does
with deleted files is tried before it is used, and again while it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import ArtefactInvalid, ArtefactMissing, StoreUnavailable, StoreUnsupported
from unlearn.storage.artefacts import MARKER, check_name, is_whole
from unlearn.storage.object_errors import is_gone, read_refusal
from unlearn.storage.object_places import Bucket, Place, connect
from unlearn.storage.read_cache import Held, ReadCache
from unlearn.store_settings import StoreSettings

__all__ = ["ObjectStore", "open_object_store"]

_PROBES = "probe"
_TRY_EVERY = 600.0
_LEFT_BEHIND = 3600.0


class _Looked(NamedTuple):
    server: float
    """The server's time, in seconds since 1970."""
    at: float
    """Ours, when that was already past (monotonic seconds)."""


def open_object_store(settings: StoreSettings, model: str, clock: Clock = MACHINE_CLOCK) -> ObjectStore:
    """The store of one model in a bucket. Nothing is asked of it yet. Raises SettingsError."""
    bucket, place = connect(settings, model)
    return ObjectStore(bucket, place, ReadCache(settings.cache_bytes, clock.monotonic), clock)


class ObjectStore:
    """A store in a bucket, below a prefix that `bucket` adds to all names."""

    def __init__(self, bucket: Bucket, place: Place, cache: ReadCache, clock: Clock = MACHINE_CLOCK) -> None:
        self._bucket = bucket
        self._place = place
        self._cache = cache
        self._clock = clock
        self._looked: _Looked | None = None

    def check(self) -> None:
        """Write, list and erase a file of no meaning, and those that an interrupted check left behind.

        Raises StoreDenied, StoreMissing, StoreUnsupported, StoreUnavailable.
        """
        self._probe()
        for name, age in self.names(_PROBES):
            if age > _LEFT_BEHIND:
                self.delete(name)

    def marker(self) -> bytes | None:
        with self._telling("read its marker"):
            try:
                return bytes(obstore.get(self._bucket, MARKER).bytes())
            except FileNotFoundError as error:
                if is_gone(error):
                    return None
                raise

    def mark(self, data: bytes) -> bytes:
        self._create(MARKER, data)
        return self.marker() or b""

    def put(self, name: str, data: bytes) -> None:
        check_name(name)
        tag = self._create(name, data)
        if tag is None and self.get(name) != data:
            raise StoreUnavailable(f"the store {self._place.shown} has other bytes by the name {name}")
        if tag:
            self._cache.put(name, Held(data, tag))

    def get(self, name: str, size: int | None = None) -> bytes:
        check_name(name)
        held = self._cache.get(name)
        try:
            with self._telling(f"read {name}"):
                held = self._read(name, held, size)
        except ArtefactMissing:
            self._cache.forget(name)
            raise
        if size not in (None, len(held.data)):
            raise ArtefactInvalid(f"{name} has {len(held.data)} bytes, not {size}")
        if held.tag and is_whole(name, held.data):
            self._cache.put(name, held)
        return held.data

    def names(self, prefix: str) -> Iterator[tuple[str, float]]:
        now = self._now()
        with self._telling("list its files"):
            pages = obstore.list(self._bucket, prefix.rstrip("/") or None)
            found = {file["path"]: file["last_modified"].timestamp() for page in pages for file in page}
        found.pop(MARKER, None)
        self._cache.forget_all_but(found.keys(), prefix)
        return ((name, max(0.0, now - found[name])) for name in sorted(found))

    def delete(self, name: str) -> None:
        check_name(name)
        self._cache.forget(name)
        self._erase(name)

    def _create(self, name: str, data: bytes) -> str | None:
        """Write a name that isn't there; returns its tag, or None if it is there already."""
        with self._telling("write"):
            try:
                made = obstore.put(self._bucket, name, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return None
        self._see(made["version"])
        return made["e_tag"] or ""

    def _read(self, name: str, held: Held | None, size: int | None) -> Held:
        try:
            found = obstore.get(self._bucket, name, options={"if_none_match": held.tag} if held else None)
        except NotModifiedError:
            assert held is not None
            return held
        except FileNotFoundError as error:
            if is_gone(error):
                raise ArtefactMissing(f"the store {self._place.shown} has no {name}") from error
            raise
        there = found.meta["size"]
        if size not in (None, there):
            raise ArtefactInvalid(f"{name} has {there} bytes, not {size}")
        return Held(bytes(found.bytes()), found.meta["e_tag"] or "")

    def _erase(self, name: str) -> None:
        with self._telling("delete"):
            try:
                obstore.delete(self._bucket, name)
            except FileNotFoundError:
                # It may be the bucket that isn't there; what a read is answered tells.
                if self._is_there(name):
                    raise

    def _is_there(self, name: str) -> bool:
        try:
            obstore.get(self._bucket, name)
        except FileNotFoundError as error:
            if is_gone(error):
                return False
            raise
        return True

    def _now(self) -> float:
        """The server's time, in seconds since 1970: never ahead of its clock."""
        now = self._clock.monotonic()
        if self._looked is None or now - self._looked.at > _TRY_EVERY:
            self._probe()
        assert self._looked is not None
        return self._looked.server + self._clock.monotonic() - self._looked.at

    def _probe(self) -> None:
        """Write a file twice, look when it was written, erase it, and look for it where versions would be kept."""
        name, data = f"{_PROBES}/{secrets.token_hex(8)}", b"unlearn tries whether this can be erased"
        try:
            self._create(name, data)
        except StoreUnsupported:
            self._erase(name)
            raise
        try:
            again = self._create(name, data + b", and written twice")
            with self._telling(f"read {name}"):
                found = obstore.head(self._bucket, name)
            known_at = self._clock.monotonic()
        finally:
            self._erase(name)
        if again is not None:
            raise StoreUnsupported(
                f"the store {self._place.shown} can't be used: it writes a name twice (it ignores If-None-Match), so "
                "that two writers could harm each other"
            )
        self._see(found["version"])
        if found["version"] is not None and self._has_version(name, found["version"]):
            raise self._keeps()
        self._looked = _Looked(found["last_modified"].timestamp(), known_at)

    def _see(self, version: str | None) -> None:
        """Raise StoreUnsupported for what only a file of a versioned bucket has. Google's files all have a version."""
        if version is not None and self._place.scheme != "gs":
            raise self._keeps()

    def _has_version(self, name: str, version: str) -> bool:
        try:
            obstore.get(self._bucket, name, options={"version": version})
        except (BaseError, OSError):
            return False
        return True

    def _keeps(self) -> StoreUnsupported:
        return StoreUnsupported(
            f"the store {self._place.shown} can't be used: its bucket is versioned, so it keeps what was erased. Use a "
            "bucket that never had versioning or object lock"
        )

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Give what the client raises as errors of ours."""
        try:
            yield
        except (BaseError, OSError, RuntimeError, ValueError) as error:
            raise read_refusal(error, what, self._place.scheme, self._place.shown) from error
        except MemoryError as error:
            raise StoreUnavailable(f"the store can't {what}: there is not enough memory for it") from error

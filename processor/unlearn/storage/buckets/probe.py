"""A file of no meaning, written, looked at and erased: whether a bucket is fit for a store, and what time it has."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple

from unlearn.errors import StoreUnsupported
from unlearn.storage.buckets.calls import BucketCalls

__all__ = ["BucketProbe"]

_FOLDER = "probe"
_EVERY = 600.0
_LEFT_BEHIND = 3600.0


class _Looked(NamedTuple):
    server: float
    """The server's time, in seconds since 1970."""
    at: float
    """Ours, when that was already past (monotonic seconds)."""


class BucketProbe:
    """Tries a bucket. `clock`: monotonic seconds."""

    def __init__(self, calls: BucketCalls, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._clock = clock
        self._looked: _Looked | None = None

    def check(self) -> None:
        """Write, list and erase a file, and those that an interrupted check left behind.

        Raises StoreDenied, StoreMissing, StoreUnsupported, StoreUnavailable.
        """
        self._looked = self._try()
        now = self.now()
        for name, (at, _) in self._calls.written(_FOLDER).items():
            if now - at > _LEFT_BEHIND:
                self._calls.delete(name)

    def now(self) -> float:
        """The server's time, in seconds since 1970: never ahead of its clock. Every ten minutes the bucket is tried."""
        if self._looked is None or self._clock() - self._looked.at > _EVERY:
            self._looked = self._try()
        return self._looked.server + self._clock() - self._looked.at

    def _try(self) -> _Looked:
        """Write a file twice, look when it was written, erase it, and look for it where versions would be kept."""
        name, data = f"{_FOLDER}/{secrets.token_hex(8)}", b"unlearn tries whether this can be erased"
        try:
            self._calls.create(name, data)
        except StoreUnsupported:
            self._calls.delete(name)
            raise
        try:
            again = self._calls.create(name, data + b", and written twice")
            server, version = self._calls.look(name)
            looked = _Looked(server, self._clock())
        finally:
            self._calls.delete(name)
        if again is not None:
            raise StoreUnsupported(
                f"the store {self._calls.place} can't be used: it writes a name twice (it ignores If-None-Match), so "
                "that two writers could harm each other"
            )
        if version is not None and self._calls.has_version(name, version):
            raise self._calls.keeps_versions()
        return looked

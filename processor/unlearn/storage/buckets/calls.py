"""The calls of a bucket, with errors of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotModifiedError

from unlearn.errors import ArtefactInvalid, ArtefactMissing, StoreUnavailable, StoreUnsupported
from unlearn.storage.buckets.client import Bucket, Place
from unlearn.storage.buckets.errors import is_gone, read_refusal
from unlearn.storage.buckets.read_cache import Held

__all__ = ["BucketCalls"]


class _Rest(NamedTuple):
    until: float
    """Until then nothing is asked of a server that didn't answer (monotonic seconds)."""
    why: str


class BucketCalls:
    """One request each, repeated as the client was told. All raise StoreUnavailable, or a kind of it.

    For as long as a call got no answer the next ones fail at once, so that half of a worker's time stays free for what
    needs no store. `clock`: monotonic seconds.
    """

    _first_pid: ClassVar[int | None] = None

    def __init__(self, bucket: Bucket, place: Place, clock: Callable[[], float]) -> None:
        self.place = place.shown
        self._bucket = bucket
        self._scheme = place.scheme
        self._clock = clock
        self._rest = _Rest(float("-inf"), "")

    def create(self, name: str, data: bytes) -> str | None:
        """Write a name that isn't there, whole or not at all. Returns its tag, or None if it is there already."""
        with self._telling("write"):
            try:
                made = obstore.put(self._bucket, name, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return None
        self._see(made["version"])
        return made["e_tag"] or ""

    def read(self, name: str, held: Held | None = None, size: int | None = None) -> Held:
        """What the name has: `held` itself, if that is what it has.

        Raises ArtefactMissing; ArtefactInvalid, before it is read, for one that hasn't `size` bytes.
        """
        with self._telling(f"read {name}"):
            try:
                found = obstore.get(self._bucket, name, options={"if_none_match": held.tag} if held else None)
            except NotModifiedError:
                assert held is not None
                return held
            except FileNotFoundError as error:
                if is_gone(error):
                    raise ArtefactMissing(f"the store {self.place} has no {name}") from error
                raise
            there = found.meta["size"]
            if size not in (None, there):
                raise ArtefactInvalid(f"{name} has {there} bytes, not {size}")
            return Held(bytes(found.bytes()), found.meta["e_tag"] or "")

    def written(self, folder: str) -> dict[str, tuple[float, int]]:
        """The names below a folder, or all for the empty one: when each was written, by the server's clock, in s, and
        its size in bytes."""
        with self._telling("list its files"):
            pages = obstore.list(self._bucket, folder or None)
            return {one["path"]: (one["last_modified"].timestamp(), one["size"]) for page in pages for one in page}

    def delete(self, name: str) -> None:
        """Delete a name; one that isn't there is no error."""
        with self._telling("delete"):
            try:
                obstore.delete(self._bucket, name)
            except FileNotFoundError:
                # It may be the bucket that isn't there; what a read is answered tells.
                if self._is_there(name):
                    raise

    def look(self, name: str) -> tuple[float, str | None]:
        """When a name was written, by the server's clock in s, and its version."""
        with self._telling(f"read {name}"):
            found = obstore.head(self._bucket, name)
        self._see(found["version"])
        return found["last_modified"].timestamp(), found["version"]

    def has_version(self, name: str, version: str) -> bool:
        """Whether this version of a name can be read."""
        try:
            obstore.get(self._bucket, name, options={"version": version})
        except (BaseError, OSError):
            return False
        return True

    def keeps_versions(self) -> StoreUnsupported:
        """The error for a bucket that does."""
        return StoreUnsupported(
            f"the store {self.place} can't be used: its bucket is versioned, so it keeps what was erased. Use a bucket "
            "that never had versioning or object lock"
        )

    def _is_there(self, name: str) -> bool:
        try:
            obstore.get(self._bucket, name)
        except FileNotFoundError as error:
            if is_gone(error):
                return False
            raise
        return True

    def _see(self, version: str | None) -> None:
        """Raise StoreUnsupported for what only a file of a versioned bucket has. Google's files all have a version."""
        if version is not None and self._scheme != "gs":
            raise self.keeps_versions()

    def _refuse_fork(self) -> None:
        """Raise StoreUnavailable in a process forked from one that used a bucket.

        The client's threads aren't here, and a call would wait for them for ever.
        """
        pid = os.getpid()
        if BucketCalls._first_pid not in (None, pid):
            raise StoreUnavailable(
                f"the store {self.place} can't be used in process {pid}, forked from {BucketCalls._first_pid}, which "
                "used one: fork before the first use, or start processes anew (spawn)"
            )
        BucketCalls._first_pid = pid

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Give what the client raises as errors of ours, and let the server rest that doesn't answer."""
        self._refuse_fork()
        began = self._clock()
        if began < self._rest.until:
            raise StoreUnavailable(f"{self._rest.why} (it is asked again in a moment)")
        try:
            yield
        except (BaseError, OSError, RuntimeError, ValueError) as error:
            told = read_refusal(error, what, self._scheme, self.place)
            if type(told) is StoreUnavailable:
                now = self._clock()
                self._rest = _Rest(now + (now - began), str(told))
            raise told from error
        except MemoryError as error:
            raise StoreUnavailable(f"the store can't {what}: there is not enough memory for it") from error

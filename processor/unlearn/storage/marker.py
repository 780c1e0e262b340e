"""A store's marker ties it to one model: any other folder in its place has none, or another's.

An unmounted disk leaves an empty folder behind, and a setting may name a wrong one: there all files are lacking,
which says nothing of the model. So a worker does nothing with a store whose marker isn't the model's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from unlearn.errors import ArtefactMissing, StoreUnavailable
from unlearn.storage.artefacts import Store

__all__ = ["Guarded", "Marker", "read_marker", "unlike", "write_marker"]


class Marker(NamedTuple):
    """`id` is the store's own, and stands in Redis too; `identity` is the model's, `topic` that of its events.

    All but `id` tell whose store it is where Redis has lost it.
    """

    id: str
    model: str
    identity: str
    cluster: str
    topic: str


_UNREADABLE = Marker("", "", "", "", "")
"""Of nobody."""


def read_marker(store: Store) -> Marker | None:
    """None where the store has none. Raises StoreUnavailable."""
    data = store.marker()
    return None if data is None else _decoded(data)


def write_marker(store: Store, marker: Marker) -> Marker:
    """Mark the store unless it is marked. Returns the marker that stands. Raises StoreUnavailable."""
    return _decoded(store.mark(json.dumps(marker._asdict()).encode()))


def unlike(store: Store, model: str) -> str | None:
    """Why the files of a model may be missing there; None where the marker is of a model of this name."""
    marker = read_marker(store)
    if marker is None:
        return f"the store has no marker of the model {model}: its folder is not mounted, or is another one"
    return None if marker.model == model else f"the store is that of the model {marker.model or '?'}, not of {model}"


def _decoded(data: bytes) -> Marker:
    try:
        fields = json.loads(data)
        return Marker(*(str(fields[name]) for name in Marker._fields))
    except (ValueError, KeyError, TypeError, RecursionError):
        return _UNREADABLE


class Guarded:
    """A store that does nothing, and lacks nothing, while its marker is not there. Raises as a Store does.

    Before `bind` nothing can be done with it.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bound: Marker | None = None

    def bind(self, marker: Marker) -> None:
        self.bound = marker

    def marker(self) -> bytes | None:
        return self.store.marker()

    def mark(self, data: bytes) -> bytes:
        return self.store.mark(data)

    def put(self, name: str, data: bytes) -> None:
        self._check()
        self.store.put(name, data)
        # It may have gone before the file was there: then nobody would find the file again.
        self._check()

    def get(self, name: str, size: int | None = None) -> bytes:
        try:
            return self.store.get(name, size)
        except ArtefactMissing:
            self._check()
            raise

    def names(self, prefix: str) -> Iterator[tuple[str, float]]:
        self._check()
        found = list(self.store.names(prefix))
        self._check()
        return iter(found)

    def delete(self, name: str) -> None:
        self._check()
        self.store.delete(name)

    def _check(self) -> None:
        if self.bound is None or read_marker(self.store) != self.bound:
            raise StoreUnavailable("the store lacks the model's marker: its folder is not mounted, or is another one")

"""A store's marker ties the store to one model: any other folder in its place has no marker, or another one.

An unmounted disk leaves an empty folder behind, and a setting may name a wrong one. All files are missing there, which
says nothing of the model. So a worker does nothing with a store whose marker isn't the model's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from unlearn.errors import ArtefactMissing, StoreUnavailable
from unlearn.storage.artefacts import Store, Stored

__all__ = ["NOT_THERE", "Guarded", "Marker", "read_marker", "unlike", "write_marker"]


class Marker(NamedTuple):
    """Which model a store belongs to. `id` is the store's own, and is kept in Redis, too.

    `identity` is the model's, `cluster` and `topic` are the ids of its events topic. They tell whose store it is if
    Redis has lost the `id`.
    """

    id: str
    model: str
    identity: str
    cluster: str
    topic: str


NOT_THERE = "it is not mounted, or is another one"
"""What a missing marker means."""
_UNREADABLE = Marker("", "", "", "", "")
"""Stands for a marker that can't be read; no model has it."""


def read_marker(store: Store) -> Marker | None:
    """The store's marker; None if it has none. Raises StoreUnavailable."""
    data = store.marker()
    return None if data is None else _decoded(data)


def write_marker(store: Store, marker: Marker) -> Marker:
    """Mark the store unless it has a marker. Returns the marker that it has then. Raises StoreUnavailable."""
    return _decoded(store.mark(json.dumps(marker._asdict()).encode()))


def unlike(store: Store, model: str) -> str | None:
    """Why the store isn't that of a model of this name, so that missing files mean nothing; None if it is.

    Raises StoreUnavailable.
    """
    marker = read_marker(store)
    if marker is None:
        return f"the store has no marker of the model {model}: {NOT_THERE}"
    return None if marker.model == model else f"the store is that of the model {marker.model or '?'}, not of {model}"


def _decoded(data: bytes) -> Marker:
    try:
        fields = json.loads(data)
        return Marker(*(str(fields[name]) for name in Marker._fields))
    except (ValueError, KeyError, TypeError, RecursionError):
        return _UNREADABLE


class Guarded:
    """A store that acts only while it has the expected marker: otherwise calls raise StoreUnavailable.

    Reading looks at the marker only if a file is missing, so that none counts as missing while the store itself is
    away. Before `bind` nothing can be done, except to read and write the marker.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bound: Marker | None = None

    def bind(self, marker: Marker) -> None:
        """Expect this marker from now on."""
        self.bound = marker

    def check(self) -> None:
        self.store.check()

    def marker(self) -> bytes | None:
        return self.store.marker()

    def mark(self, data: bytes) -> bytes:
        return self.store.mark(data)

    def put(self, name: str, data: bytes) -> None:
        self._check()
        self.store.put(name, data)
        # The store may have gone away before the write: then the file is in another folder, and would not be found.
        self._check()

    def get(self, name: str, size: int | None = None) -> bytes:
        try:
            return self.store.get(name, size)
        except ArtefactMissing:
            self._check()
            raise

    def names(self, prefix: str) -> Iterator[Stored]:
        self._check()
        found = list(self.store.names(prefix))
        self._check()
        return iter(found)

    def delete(self, *names: str) -> None:
        self._check()
        self.store.delete(*names)
        # Of a folder that went away meanwhile, all names would count as deleted.
        self._check()

    def _check(self) -> None:
        if self.bound is None or read_marker(self.store) != self.bound:
            raise StoreUnavailable(f"the store lacks the model's marker: {NOT_THERE}")

"""From a manifest to the states it names: everything is checked before any of it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from models.digest import decode_state
from models.errors import ModelError
from models.learner import Learner, State
from processor.errors import ArtefactInvalid
from processor.manifest import Manifest, ShardEntry
from processor.store import Store

__all__ = ["Digested", "Expected", "Loader", "Verify", "objection", "unsigned"]

Digested = tuple[str, State]
"""A state under its digest; two shards may well hold equal ones."""

Verify = Callable[[Manifest], str | None]
"""What is wrong with a manifest's signature; None if nothing is."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What every manifest of the model must say."""

    identity: str
    learner: str
    shards: int
    verify: Verify


def unsigned(manifest: Manifest) -> str | None:
    """The check where no signatures are in use: one that is there can't be checked, so it isn't trusted."""
    return "its signature can't be checked" if manifest.signature else None


def objection(manifest: Manifest, expected: Expected, served: Manifest | None) -> str | None:
    """Why a newer manifest must not replace `served`; None if it may."""
    if manifest.identity != expected.identity:
        return "it is of a model made with other settings"
    if manifest.learner != expected.learner:
        return f"its learner is {manifest.learner}, not {expected.learner}"
    if served is not None and manifest.applied < served.applied:
        return f"it goes back from {served.applied} applied to {manifest.applied}"
    shards = [entry.shard for entry in manifest.shards]
    if len(set(shards)) < len(shards) or any(shard >= expected.shards for shard in shards):
        return "its shards are not those of the model"
    if any(entry.through > manifest.applied for entry in manifest.shards):
        return "a shard of it holds more than was applied"
    return expected.verify(manifest)


class Loader:
    """Fetches states by digest, each once while it is in use. One thread."""

    def __init__(self, learner: Learner, store: Store) -> None:
        self._learner = learner
        self._store = store
        self._known: dict[str, State] = {}

    def states(self, manifest: Manifest) -> tuple[Digested, ...]:
        """The states of the manifest's shards with rows, in shard order.

        Raises ArtefactInvalid if a file isn't what the manifest says, StoreUnavailable if it can't be read.
        """
        entries = sorted((e for e in manifest.shards if _takes_part(e)), key=lambda entry: entry.shard)
        return tuple((entry.digest, self._state(entry)) for entry in entries)

    def keep(self, manifests: Iterable[Manifest]) -> None:
        """Drop the states that none of these names."""
        named = {entry.digest for manifest in manifests for entry in manifest.shards}
        self._known = {digest: state for digest, state in self._known.items() if digest in named}

    def _state(self, entry: ShardEntry) -> State:
        if entry.digest not in self._known:
            self._known[entry.digest] = self._fetched(entry)
        return self._known[entry.digest]

    def _fetched(self, entry: ShardEntry) -> State:
        data = self._store.get(entry.file)
        if len(data) != entry.size:
            raise ArtefactInvalid(f"{entry.file} has {len(data)} bytes, not {entry.size}")
        if hashlib.sha256(data).hexdigest() != entry.digest:
            raise ArtefactInvalid(f"{entry.file} is not what its digest says")
        try:
            return decode_state(self._learner, data)
        except ModelError as error:
            raise ArtefactInvalid(f"{entry.file} can't be used: {error}") from error


def _takes_part(entry: ShardEntry) -> bool:
    if entry.rows == 0 or entry.status in ("left-out", "empty"):
        return False
    if not entry.file:
        raise ArtefactInvalid(f"shard {entry.shard} has {entry.rows} rows and names no file")
    return True

"""Loads the states that a manifest names: each file is checked before any of it is used."""

from __future__ import annotations

from collections.abc import Iterable

from unlearn.errors import ArtefactInvalid
from unlearn.results.manifest import Manifest, ShardEntry
from unlearn.scoring.trust import taking_part
from unlearn.storage.artefacts import Store
from unlearn.storage.state_files import read_state
from unlearn_models.base.encoding import decode_state
from unlearn_models.base.errors import ModelError
from unlearn_models.base.learner import Learner, State

__all__ = ["Digested", "Loader"]

Digested = tuple[str, State]
"""A state with its digest before it; two shards may well hold equal states."""


class Loader:
    """Fetches states by digest, and keeps those in use, so that each is fetched once. For one thread."""

    def __init__(self, learner: Learner, store: Store) -> None:
        self._learner = learner
        self._store = store
        self._known: dict[str, State] = {}

    def states(self, manifest: Manifest) -> tuple[Digested, ...]:
        """The states of the manifest's shards with rows, in shard order.

        Raises ArtefactInvalid if a file isn't what the manifest says, StoreUnavailable if it can't be read.
        """
        return tuple((entry.digest, self._state(entry)) for entry in taking_part(manifest))

    def keep(self, manifests: Iterable[Manifest]) -> None:
        """Drop the states that none of these manifests names."""
        named = {entry.digest for manifest in manifests for entry in manifest.shards}
        self._known = {digest: state for digest, state in self._known.items() if digest in named}

    def _state(self, entry: ShardEntry) -> State:
        if entry.digest not in self._known:
            self._known[entry.digest] = self._fetched(entry)
        return self._known[entry.digest]

    def _fetched(self, entry: ShardEntry) -> State:
        data = read_state(self._store, entry.file, entry.digest, entry.size)
        try:
            return decode_state(self._learner, data)
        except ModelError as error:
            raise ArtefactInvalid(f"{entry.file} can't be used: {error}") from error

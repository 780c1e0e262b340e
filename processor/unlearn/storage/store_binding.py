"""Ties a model to the store that it was made with, and to no other: docs/design.md, section 5."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping

from unlearn.errors import IdentityChanged, Refused
from unlearn.identity import check_identity
from unlearn.log.protocol import Log
from unlearn.partition.tables import Tables
from unlearn.results.results_topic import Results
from unlearn.settings import Settings
from unlearn.state.scripts import PartitionState
from unlearn.storage.artefacts import Store
from unlearn.storage.marker import NOT_THERE, Guarded, Marker, read_marker, write_marker

__all__ = ["Binding", "guarded", "stranger"]


def guarded(store: Store) -> Guarded:
    """The store behind a `Guarded`, unless it is one already."""
    return store if isinstance(store, Guarded) else Guarded(store)


def stranger(settings: Settings, store: Store, stored_id: str | None) -> str | None:
    """What is wrong with the store of a model for which Redis has the store id `stored_id`.

    None if nothing is wrong, or if Redis has no id to compare with. Raises StoreUnavailable.
    """
    if stored_id is None:
        return None
    marker = read_marker(store)
    if marker is not None and marker.id == stored_id:
        return None
    return f"{settings.store.url} {_what(marker, settings.model)}"


def _what(marker: Marker | None, model: str) -> str:
    """What to say of a store with this marker that isn't the model's."""
    if marker is None:
        return f"has no marker of the model {model}: {NOT_THERE}"
    if marker.model == model:
        return f"is marked as the store of another model {model}, or of one made before it"
    return f"is marked as the store of the model {marker.model or '?'}, not of {model}"


class Binding:
    """Marks the store when the model is made, and later checks that the store is still the model's."""

    def __init__(
        self,
        settings: Settings,
        log: Log,
        store: Guarded,
        state_of: Callable[[int], PartitionState],
        identity: str,
        *,
        rebuild: bool,
        nonces: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._settings = settings
        self._log = log
        self._store = store
        self._state_of = state_of
        self._identity = identity
        self._rebuild = rebuild
        self._nonces = nonces

    def bind(self, results: Callable[[], Results]) -> None:
        """Tie the store to the model, or check that it is the model's; then the store can be used. May be repeated.

        `results` gives the results topic read to its end; it is called only if the store may have to be marked. Raises
        Refused, saying how to go on; StateUnavailable, StoreUnavailable, LogUnavailable.
        """
        stored, marker = self._state_of(0).store(), self._store.bound
        if marker is None:
            marker = read_marker(self._store)
            if stored is None:
                marker = self._unnamed(marker, results)
        if stored is None and marker is not None:
            stored = self._state_of(0).name_store(marker.id)
        if marker is None or marker.id != stored:
            raise self._refused(_what(marker, self._settings.model))
        self._store.bind(marker)

    def _unnamed(self, marker: Marker | None, results: Callable[[], Results]) -> Marker:
        """The store's marker, if Redis has no store id: the model is new, is built again, or is older than markers.

        A store without a marker is marked if it can be the model's. Raises Refused otherwise.
        """
        ours = self._marker()
        if marker is None:
            self._may_mark(results())
            marker = write_marker(self._store, ours)
        if not self._is_same_model(marker, ours):
            raise self._refused(_what(marker, self._settings.model))
        return marker

    def _is_same_model(self, marker: Marker, ours: Marker) -> bool:
        """Whether both have one model's name, identity, cluster and topic."""
        try:
            check_identity(marker.identity, ours.identity, self._settings.events_topic)
        except (IdentityChanged, ValueError):
            return False
        return (marker.model, marker.cluster, marker.topic) == (ours.model, ours.cluster, ours.topic)

    def _marker(self) -> Marker:
        settings = self._settings
        topic = self._log.topic_id(settings.events_topic)
        return Marker(self._nonces(16), settings.model, self._identity, self._log.cluster_id(), topic)

    def _may_mark(self, results: Results) -> None:
        """Raise Refused unless the model is new, is built again, or has all its slice files in the store."""
        views = {p: Tables(self._state_of(p).load()) for p in range(self._settings.partitions)}
        made = {p: view for p, view in views.items() if view.meta}
        if not made:
            if any(_heard_of(results)) and not self._rebuild:
                raise self._refused(
                    "has no marker, and Redis holds nothing of a model that has published: restore both"
                )
            return
        lacks = _lacks(made, results, {name for name, *_ in self._store.store.names("")})
        if lacks:
            raise self._refused(f"lacks files of the model {self._settings.model}, such as {lacks}")

    def _refused(self, what: str) -> Refused:
        model = self._settings.model
        return Refused(
            f"the store {self._settings.store.url} {what}. Mount its folder, or set UNLEARN_STORE__URL to the one, or "
            "the bucket, that the model was made with. Where its files are lost for good: delete the model's keys from "
            f"Redis (all that begin with {{{model}:) and start with --rebuild, which applies the log again. A new "
            "model needs a folder, or a prefix in a bucket, that no other model of its name has used"
        )


def _heard_of(results: Results) -> Iterator[bool]:
    """For each partition, whether anything was ever published of it."""
    return (held.last_offset >= 0 or held.highest_counter >= 0 for held in results.partitions.values())


def _lacks(views: Mapping[int, Tables], results: Results, there: set[str]) -> str | None:
    """The name of a file that the model has and the store lacks; None if the store may be the model's.

    Lost states alone don't count: a state is a cache, and is learned again where all slice files are there.
    """
    slices = {held.file for view in views.values() for held in view.slices.values() if held.file}
    states = {state.file for view in views.values() for state in view.states.values() if state.file}
    newest = [held.manifest for held in results.partitions.values() if held.manifest]
    states |= {entry.file for manifest in newest for entry in manifest.shards if entry.file}
    if slices and slices <= there:
        return None
    return min((slices | states) - there, default=None)

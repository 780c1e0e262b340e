"""Looks at stored states again while nobody trains from them, since a scorer that starts must read every one."""

from __future__ import annotations

import logging
from collections import Counter

from unlearn.errors import StateInvalid
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import Change, State
from unlearn.storage.artefacts import Store
from unlearn.storage.state_files import read_state

__all__ = ["Scrubber"]

_log = logging.getLogger(__name__)
_Key = tuple[int, int]


class Scrubber:
    """Each turn finds all states whose files are gone, and reads one more file to find those that are spoilt."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looks: Counter[int] = Counter()

    def turn(self, owned: ClaimedPartition) -> None:
        """Drop states that are lost. A state is a cache: its shard is learned again, and published again.

        Raises Fenced, RolledBack, StateUnavailable, StoreUnavailable.
        """
        if owned.catching_up:
            return
        change = Change()
        for key, state in self._suspects(owned).items():
            try:
                read_state(self._store, state.file, state.digest, state.size or None)
            except StateInvalid as error:
                change.drop("states", key)
                _log.error("shard %d of partition %d: %s; learning it anew", key[0], owned.partition, error)
        if change.tables:
            owned.commit(change)
            owned.counters["states_lost"] += len(change.tables["states"])

    def _suspects(self, owned: ClaimedPartition) -> dict[_Key, State]:
        there = {name for name, *_ in self._store.names(f"{owned.partition}/")}
        states = [(key, state) for key, state in sorted(owned.view.states.items()) if state.file]
        turn = self._looks[owned.partition] % max(len(states), 1)
        self._looks[owned.partition] += 1
        return dict([*((key, state) for key, state in states if state.file not in there), *states[turn : turn + 1]])

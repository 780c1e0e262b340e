"""Claiming a partition: docs/design.md, section 6, whose steps are numbered in `Claimer.claim`.

Two are done elsewhere: step 2, reading the results topic to its end, by the caller; step 7 by `Manifests`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from unlearn.errors import Fenced, LogDiverged, Refused, StateUnavailable
from unlearn.events.partitioner import Digests
from unlearn.forwarding.reread import read_but
from unlearn.identity import check_identity, kept_identity
from unlearn.log.protocol import Log, Record
from unlearn.maintenance.tails import read_tail
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.rows import Members
from unlearn.partition.skipped import runs_of
from unlearn.partition.tables import Change, Tables
from unlearn.results.belief import MOST_COUNTER
from unlearn.results.results_topic import Published
from unlearn.settings import Settings
from unlearn.state.scripts import PartitionState, Token
from unlearn.storage.artefacts import Store
from unlearn.worker.continuity import Continuity

__all__ = ["Claimer"]

_TRIES = 10
"""Attempts at the token, each after another claim came in between, before this one is given up for now."""

Restore = Callable[[ClaimedPartition, Members, Iterable[Record]], None]
"""Brings the open slice's rows back into memory: from a tail, and from the log's records behind it."""


class Claimer:
    """Claims partitions. Where the log, Redis or the model's identity don't agree it raises, and never resets anything.

    `nonces` gives a nonce of so many random bytes, in hex; `rebuild`: what Redis has lost is built again from the log.
    """

    def __init__(
        self,
        settings: Settings,
        log: Log,
        store: Store,
        state_of: Callable[[int], PartitionState],
        identity: str,
        restore: Restore,
        nonces: Callable[[int], str],
        *,
        rebuild: bool = False,
    ) -> None:
        self._topic = settings.events_topic
        self._log = log
        self._store = store
        self._state_of = state_of
        self._identity = identity
        self._restore = restore
        self._nonces = nonces
        self._continuity = Continuity(log, self._topic, Digests(settings.secret_bytes))
        self._rebuild = rebuild

    def claim(self, partition: int, published: Published) -> ClaimedPartition:
        """The partition, claimed. `published`: what the results topic holds of it, read to the topic's end.

        Raises Refused where the partition must be stopped (LogDiverged, IdentityChanged are such); LogUnavailable,
        StateUnavailable, Fenced where it may be tried again.
        """
        start, end = self._log.bounds(self._topic)[partition]
        state = self._state_of(partition)
        token = self._take(state, published, start, end)  # 1
        view = Tables(state.load())
        if view.meta.get("token") != str(token):
            raise Fenced(f"partition {partition} was claimed by another, or Redis was set back, as it was claimed")
        self._check(partition, view, published)  # 3
        owned = ClaimedPartition(partition, token, state, view)
        self._keep_identity(owned)
        self._take_up_open_slice(owned, start)  # 5
        owned.catch_up_to = published.highest_applied  # 6
        # Only with a proof: otherwise whoever may write to the results topic could have events stepped over.
        owned.skips = published.manifest.skipped if published.manifest and published.manifest.proof else ()
        if owned.catching_up:
            owned.counters["rolled_back"] += 1
        return owned

    def _take(self, state: PartitionState, published: Published, start: int, end: int) -> Token:
        """Step 1: a token with a counter above all that Redis and the results topic show."""
        highest, newest = published.highest_counter, published.manifest
        token = Token(max(highest, 0) + 1, self._nonces(16))
        unheard_of = highest < 0 and published.last_offset < 0
        first = self._first(start, end) if unheard_of or self._rebuild else None
        if first and newest and start > newest.start and not state.load()["meta"]:
            raise LogDiverged(
                f"the model can't be built again: it was made at offset {newest.start}, and the log begins at {start}"
            )
        for _ in range(_TRIES):
            if token.counter > MOST_COUNTER:
                raise Refused(f"the counter {highest} is on the results topic: there is none above it")
            higher = state.claim(token, first)
            if higher is None:
                return token
            token = token._replace(counter=higher + 1)
        raise StateUnavailable("others claimed it at the same time")

    def _first(self, start: int, end: int) -> dict[str, str | int]:
        """The fields of `meta` with which a new partition begins; [start, end) is what the log holds."""
        return {
            "identity": kept_identity(self._identity),
            "cluster_id": self._log.cluster_id(),
            "topic_id": self._log.topic_id(self._topic),
            "start": start,
            # Events before this offset may have been sent on: by another model, or by this one before it was rebuilt.
            "made_at": end,
            "applied": start,
            "registered": 0,
        }

    def _check(self, partition: int, view: Tables, published: Published) -> None:
        """Step 3: whether identity, cluster, topic and the last record applied are still the same."""
        check_identity(view.meta["identity"], self._identity, self._topic)
        self._continuity.check(partition, view, published)

    def _keep_identity(self, owned: ClaimedPartition) -> None:
        """See that workers of an earlier release keep away, before the state moves to where they don't look."""
        kept = kept_identity(self._identity)
        if owned.view.meta["identity"] != kept:
            change = Change()
            change.put("meta", "identity", kept)
            owned.commit(change)

    def _take_up_open_slice(self, owned: ClaimedPartition, start: int) -> None:
        """Step 5: bring back the rows of slices that are in no file yet. Raises Refused where the log lacks some."""
        view = owned.view
        begin = max(view.registered, view.number("start"))
        unregistered = view.open or view.last_end > view.registered
        if unregistered:
            tail, goes_on = read_tail(self._store, view.meta.get("tail", ""), view.number("tail_to"))
            begin = max(begin, goes_on)
            if start > begin:
                raise Refused(
                    f"partition {owned.partition}: rows from offset {begin} on are in no file yet, "
                    f"and the log starts at {start}: its retention is too short"
                )
            skipped = runs_of(view.meta)
            records = read_but(self._log, self._topic, owned.partition, begin, view.applied, skipped)
            self._restore(owned, tail, records)

"""Deletions that receipts report as applied, but whose events the log has lost because its end was cut off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import NamedTuple

from unlearn.errors import LogDiverged, LogUnavailable, SettingsError
from unlearn.events.event import Request
from unlearn.events.parsing import Parser
from unlearn.events.partitioner import Digests
from unlearn.forwarding.reread import read_but
from unlearn.identity import is_secret_of
from unlearn.log.protocol import Log
from unlearn.partition.skipped import runs_of
from unlearn.partition.tables import Tables
from unlearn.results.log_ends import ends_of
from unlearn.results.manifest import Receipt, read_receipt
from unlearn.results.proof import Prover
from unlearn.results.results_topic import Results
from unlearn.settings import Settings
from unlearn.state.scripts import PartitionState
from unlearn.worker.continuity import Continuity

__all__ = ["LostDeletion", "lost_deletions", "stopped_for_loss"]

_SAID = re.compile(b"delete|lift")
"""What the bytes of a deletion or a lift hold, unless they are escaped."""
_ALL = 1 << 62


class LostDeletion(NamedTuple):
    """A deletion that the log has lost: where its event stood, and the event id in its receipts."""

    partition: int
    offset: int
    event_id: str


def stopped_for_loss(settings: Settings, log: Log, state_of: Callable[[int], PartitionState]) -> dict[int, int]:
    """Stopped partition -> an offset, for those whose log is no longer the one that was applied.

    Below that offset the log may still be the one that was applied; events from there on may be lost.
    Raises SettingsError where the secret isn't the model's; LogUnavailable, TopicMissing, StateUnavailable.
    """
    states = {p: state_of(p) for p in range(log.partitions(settings.events_topic))}
    loaded = {p: Tables(state.load()) for p, state in states.items() if state.stopped()}
    views = {p: view for p, view in loaded.items() if "identity" in view.meta}
    if not views:
        return {}
    if not all(is_secret_of(view.meta["identity"], settings.secret_bytes) for view in views.values()):
        raise SettingsError("UNLEARN_SECRET is not the model's: there is no telling which deletions the log has lost")
    results = _results(settings, log)
    continuity = Continuity(log, settings.events_topic, Digests(settings.secret_bytes))
    found: dict[int, int] = {}
    for partition, view in views.items():
        try:
            continuity.check(partition, view, results.of(partition))
        except LogDiverged:
            found[partition] = _known(continuity, partition, view)
    return found


def _results(settings: Settings, log: Log) -> Results:
    ends = ends_of(log, settings.events_topic, settings.partitions)
    holds = Prover(settings.secret_bytes).holds
    results = Results(settings.model, count=settings.partitions, holds=holds, ends=ends)
    with closing(log.tail(settings.results_topic)) as tail:
        if not results.follow(tail, settings.kafka.request_timeout):
            raise LogUnavailable(f"{settings.results_topic} can't be read to its end")
    return results


def _known(continuity: Continuity, partition: int, view: Tables) -> int:
    try:
        continuity.check_redis(partition, view)
    except LogDiverged:
        return 0
    return view.applied


def lost_deletions(
    settings: Settings,
    log: Log,
    state_of: Callable[[int], PartitionState],
    parser: Parser,
    since: Mapping[int, int],
) -> list[LostDeletion]:
    """Deletions that have a receipt but no event in the log any more, sorted.

    `since` maps partitions to offsets, as `stopped_for_loss` gives them; deletions before these are not looked at.
    A deletion that was sent again with the same event_id is not lost. Raises LogUnavailable, TopicMissing,
    StateUnavailable, and LogUnreadable at records that can't be decoded and were not stepped over.
    """
    told = {
        receipt.event_id: LostDeletion(receipt.partition, receipt.offset, receipt.event_id)
        for receipt in _receipts(settings, log)
        if receipt.partition in since and receipt.offset >= since[receipt.partition]
    }
    if told:
        for name in _names(settings, log, state_of, parser):
            told.pop(name, None)
    return sorted(told.values())


def _receipts(settings: Settings, log: Log) -> Iterator[Receipt]:
    for record in log.read(settings.receipts_topic, 0, 0, _ALL):
        receipt = read_receipt(record.value)
        if receipt is not None and receipt.state in ("accepted", "hidden"):
            yield receipt


def _names(settings: Settings, log: Log, state_of: Callable[[int], PartitionState], parser: Parser) -> Iterator[str]:
    """The event ids of all readable deletions and lifts that the log holds now."""
    topic, reading = settings.events_topic, settings.reading
    any_may_be = bool(reading.mapping.forms) or reading.tombstones == "delete"
    for partition in log.bounds(topic):
        skipped = runs_of(Tables(state_of(partition).load()).meta)
        for record in read_but(log, topic, partition, 0, _ALL, skipped):
            named = any_may_be or _SAID.search(record.value or b"") is not None
            event = parser.parse(record.value, (), None, record) if named else None
            if isinstance(event, Request):
                yield event.event_id

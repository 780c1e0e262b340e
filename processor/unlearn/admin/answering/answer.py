"""The answer to a question, from the log, its receipts and its history, and from Redis. No worker need run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import redis

from unlearn.admin.answering.fates import Fate, InForce, fates_of
from unlearn.admin.answering.gathering import Gathered, Gatherer
from unlearn.admin.answering.history import History
from unlearn.admin.answering.places import at_true_places
from unlearn.admin.answering.question import Question
from unlearn.admin.answering.receipts import read_receipts
from unlearn.admin.answering.report import Answer, Cause, EventTold, State
from unlearn.admin.answering.scan import Found, Scanner
from unlearn.admin.answering.standing import Reached, reached, state_of
from unlearn.admin.answering.story import Story, cause_of
from unlearn.admin.lookup import Lookup
from unlearn.errors import LogRefused
from unlearn.events.event import Insert
from unlearn.identity import identity_hash, identity_of
from unlearn.learners import learner_of
from unlearn.log.protocol import Log
from unlearn.moments import rfc3339
from unlearn.results.manifest import Receipt
from unlearn.results.versions import Row, Version, held_by
from unlearn.settings import Settings
from unlearn.verification.report import Progress
from unlearn.verification.subject import subject_of

__all__ = ["Answerer"]

_HOUR = 3_600_000
"""Milliseconds that the clocks of brokers are apart, at most."""


class Answerer:
    """Answers questions about one model. `settings`: as the model was made. `progress` is called as reading goes on."""

    def __init__(self, settings: Settings, log: Log, client: redis.Redis, progress: Progress) -> None:
        self._settings = settings
        self._log = log
        self._client = client
        self._progress = progress
        self._model = subject_of(settings).model
        self._identity = identity_of(settings, learner_of(settings))
        self._notes: list[str] = []

    def answer(self, question: Question) -> Answer:
        """All that is known. Raises StateUnavailable, StateMissing, IdentityChanged, LogDiverged, LogUnavailable,
        TopicMissing."""
        self._notes = []
        lookup = Lookup(self._settings, self._client, self._identity)
        state = state_of(question, lookup)
        come = reached(self._settings, self._log, self._client, self._identity)
        events_of = at_true_places(self._gather(question, come).found)
        in_force = {partition: InForce(self._model) for partition in come}
        fates = {p: self._fates(p, events, come[p], in_force[p]) for p, events in events_of.items()}
        found = [one for events in events_of.values() for one in events]
        versions = self._versions(found, fates)
        receipts = self._receipts(question, found)
        told = Story(self._settings.subjects, found, fates, versions, receipts).told()
        if question.kind == "event" and not told:
            state = "unknown"
        self._note_lost_receipts(told)
        since, holds = _since(question, state, fates, in_force)
        notes = tuple(dict.fromkeys(self._notes))
        return Answer(
            **{f"{question.kind}_id": question.id}, state=state, since=since, holds=holds, events=told, notes=notes
        )

    def _gather(self, question: Question, come: Mapping[int, Reached]) -> Gathered:
        topic = self._settings.events_topic
        ends = self._log.bounds(topic)
        for partition, held in come.items():
            if ends[partition][0] > held.start:
                self._notes.append(self._begins(partition, ends[partition][0], held.start))
        scanner = Scanner(self._log, topic, self._model, self._progress, self._notes.append)
        return Gatherer(scanner, come, ends).of(question)

    def _begins(self, partition: int, start: int, made: int) -> str:
        first = next(iter(self._log.read(self._settings.events_topic, partition, start, start + 1)), None)
        at = None if first is None else rfc3339(first.timestamp)
        since = "" if at is None else f", of {at}"
        return (
            f"the log of partition {partition} begins at offset {start}{since}, the model at {made}: what came before "
            "isn't known, and what is told of later events is as if nothing had come before"
        )

    def _fates(self, partition: int, events: Iterable[Found], come: Reached, in_force: InForce) -> list[Fate]:
        applied = [one for one in events if one.counts and one.record.offset < come.applied]
        return fates_of(self._model, partition, applied, in_force)

    def _versions(self, found: Sequence[Found], fates: Mapping[int, Sequence[Fate]]) -> Mapping[int, Sequence[Version]]:
        rows = [(p, fate.row) for p, held in fates.items() for fate in held if fate.row is not None and fate.found.told]
        if not rows:
            return {}
        history = History(self._log, self._settings, identity_hash(self._identity), self._progress, self._notes.append)
        earliest = self._earliest(found)
        versions = history.versions({p for p, _ in rows}, earliest)
        if earliest is not None and not all(_is_known(versions[p], row) for p, row in rows):
            versions = history.versions({p for p, _ in rows}, None)
        return versions

    def _receipts(self, question: Question, found: Sequence[Found]) -> list[Receipt]:
        topic = self._settings.receipts_topic
        ids = {one.event.event_id for one in found if one.told and not isinstance(one.event, Insert)}
        ids |= {question.id} if question.kind == "event" else set()
        if not ids:
            return []
        start, _ = self._log.bounds(topic)[0]
        earliest = self._earliest([one for one in found if one.told])
        if earliest is not None:
            start = max(start, self._log.offset_at(topic, 0, earliest))
        return read_receipts(self._log, topic, start, ids, self._progress)

    def _note_lost_receipts(self, told: Iterable[EventTold]) -> None:
        start, _ = self._log.bounds(self._settings.receipts_topic)[0]
        lacking = [one for one in told if one.outcome in ("deleted", "lifted") and not one.receipts]
        if start and lacking:
            self._notes.append("of deletions without receipts these aren't kept any more")

    def _earliest(self, found: Sequence[Found]) -> int | None:
        """When the first of the events came at the earliest, by brokers' clocks; None if they don't tell."""
        times = [one.at for one in found]
        spec = None
        with suppress(LogRefused):
            spec = self._log.topic(self._settings.events_topic)
        if spec is None or spec.config.get("message.timestamp.type") != "LogAppendTime" or not times:
            return None
        return None if None in times else max(0, min(at for at in times if at is not None) - _HOUR)


def _since(
    question: Question, state: State | None, fates: Mapping[int, Sequence[Fate]], in_force: Mapping[int, InForce]
) -> tuple[Cause | None, bool | None]:
    """The insert since which it is a member, or the deletion since which it is forgotten and whether that holds.

    Of deletions the first that holds; where all are lifted the last one.
    """
    if state == "member":
        return _first(one for held in fates.values() for one in _beginnings(question, held)), None
    if state != "forgotten":
        return None, None
    holding = [one for held in in_force.values() for one in held.holding() if question.forgotten_by(one.by.event)]
    if holding:
        return cause_of(min(holding, key=lambda one: _time(one.at)).by), True
    every = [fate for held in fates.values() for fate in held if _forgot(question, fate)]
    last = max(every, key=lambda fate: _time(fate.found), default=None)
    return (None, None) if last is None else (cause_of(last.forgets or last.found), False)


def _forgot(question: Question, fate: Fate) -> bool:
    """Whether the event forgot what is asked about: an insert does so by a deleted alias that it bears."""
    forgets = question.forgotten_by(fate.found.event) and not fate.nobody
    return forgets or fate.forgets is not None


def _beginnings(question: Question, fates: Sequence[Fate]) -> list[Found]:
    """The inserts with which a membership began: of a subject behind its last deletion, of a record the first of the
    updates that led to a row that lives."""
    rows = {fate.row.slot: fate for fate in fates if fate.row is not None}
    if question.kind == "subject":
        last = max((one.found.record.offset for one in fates if _forgot(question, one)), default=-1)
        return [fate.found for slot, fate in rows.items() if slot > last]
    before = {fate.row.death: slot for slot, fate in rows.items() if fate.row is not None}
    alive = [slot for slot, fate in rows.items() if fate.row is not None and fate.row.death is None]
    return [rows[_began(slot, before)].found for slot in alive]


def _began(slot: int, before: Mapping[int | None, int]) -> int:
    """The first of the slots of which each took the place of the one before."""
    while slot in before:
        slot = before[slot]
    return slot


def _is_known(versions: Sequence[Version], row: Row) -> bool:
    held = held_by(versions, row)
    return held.known and (held.first is None or held.first.exact)


def _first(found: Iterable[Found]) -> Cause | None:
    first = min(found, key=_time, default=None)
    return None if first is None else cause_of(first)


def _time(found: Found) -> tuple[int, int]:
    return found.at or 0, found.record.offset

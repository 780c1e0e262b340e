"""How far each partition has come, and where what is asked about stands: what Redis tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import redis

from unlearn.admin.answering.question import Question
from unlearn.admin.answering.report import State
from unlearn.admin.lookup import Found, Lookup
from unlearn.errors import LogDiverged, StateMissing
from unlearn.identity import check_identity
from unlearn.log.protocol import Log
from unlearn.partition.skipped import Runs, runs_of
from unlearn.partition.tables import Tables
from unlearn.settings import Settings
from unlearn.state.scripts import states

__all__ = ["Reached", "reached", "state_of"]

_TABLES = ("meta", "outbox")


class Reached(NamedTuple):
    """How far a partition has come.

    start    where the model was made
    applied  the next offset to apply
    unsent   the lowest offset below `applied` whose event may still have to be sent on; `applied` if there is none
    skipped  runs of offsets that were stepped over
    """

    start: int
    applied: int
    unsent: int
    skipped: Runs


def reached(settings: Settings, log: Log, client: redis.Redis, identity: str) -> dict[int, Reached]:
    """How far each partition of the events topic has come; those that none has claimed only if they hold no model.

    Raises StateUnavailable, StateMissing, IdentityChanged, LogDiverged, LogUnavailable, TopicMissing.
    """
    state_of = states(client, settings.model)
    topic = settings.events_topic
    ids = {"cluster_id": log.cluster_id(), "topic_id": log.topic_id(topic)}
    found = {}
    for partition in range(log.partitions(topic)):
        state = state_of(partition)
        flat = state.look([("HGETALL", state.keys.of(name)) for name in _TABLES])
        view = Tables({name: dict(zip(f[::2], f[1::2], strict=True)) for name, f in zip(_TABLES, flat, strict=True)})
        if not view.meta:
            if partition < settings.partitions:
                raise StateMissing(
                    f"Redis holds nothing of partition {partition} of model {settings.model}: "
                    "no worker has claimed it yet, or this is another Redis"
                )
            found[partition] = Reached(0, 0, 0, ())
            continue
        check_identity(view.meta["identity"], identity, topic)
        for name, now in ids.items():
            if view.meta[name] != now:
                raise LogDiverged(f"{topic} is not the topic that was applied: {name} was {view.meta[name]}, is {now}")
        found[partition] = _reached(view)
    return found


def _reached(view: Tables) -> Reached:
    unsent = min(view.outbox, default=view.applied)
    return Reached(view.number("start"), view.applied, min(unsent, view.applied), runs_of(view.meta))


def state_of(question: Question, lookup: Lookup) -> State | None:
    """Whether what is asked about is a member; None for an event. Raises as Lookup does."""
    if question.kind == "event":
        return None
    places: Sequence[Found] = (
        lookup.subjects([question.id]) if question.kind == "subject" else lookup.records([question.id])[0]
    )
    states: set[State] = {place.state for place in places}
    return next((state for state in ("member", "forgotten") if state in states), "unknown")

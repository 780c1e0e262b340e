"""What `unlearn answer` tells of random histories with faults equals what was published and what the log says.

The truth is taken from all manifests, which the log in memory still holds, and from the replay of simulations.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.harness.model_data import manifests
from unlearn.admin.answering.answer import Answerer
from unlearn.admin.answering.question import Kind, Question
from unlearn.admin.answering.report import Answer, EventTold, RowTold
from unlearn.events.event import Insert, Request
from unlearn.results.manifest import Manifest
from unlearn.simulate.cluster import World
from unlearn.simulate.history import history_of, shape_of
from unlearn.simulate.replay import replay_log
from unlearn.simulate.script import script_of
from unlearn.verification.reference_rows import members_of
from unlearn.verification.subject import subject_of

SEEDS = int(os.environ.get("UNLEARN_TESTS_SOAK", "0")) or 6
Place = tuple[int, int]


class Truth(NamedTuple):
    """(partition, slot) -> shard, death (None: alive), and the believed manifests of each partition."""

    rows: dict[Place, tuple[int, int | None]]
    manifests: dict[int, list[tuple[int, Manifest]]]

    def held(self, place: Place) -> list[bool]:
        (shard, death), (partition, slot) = self.rows[place], place
        return [
            slot < manifest.shards[shard].through and (death is None or death >= manifest.applied)
            for _, manifest in self.manifests[partition]
        ]


def truth_of(world: World) -> Truth:
    subject, log, settings = subject_of(world.settings), world.log, world.settings
    rows: dict[Place, tuple[int, int | None]] = {}
    for partition in range(settings.partitions):
        end = log.bounds(settings.events_topic)[partition][1]
        members = members_of(subject.model, partition, log.read(settings.events_topic, partition, 0, end))
        columns = zip(members.slots.tolist(), members.shards.tolist(), members.deaths.tolist(), strict=True)
        rows |= {(partition, slot): (shard, death if death < end else None) for slot, shard, death in columns}
        assert replay_log(log, subject, partition, end).killed() == members.killed()
    believed: dict[int, list[tuple[int, Manifest]]] = {partition: [] for partition in range(settings.partitions)}
    for version, manifest in manifests(log, settings):
        before = believed[manifest.partition]
        if not before or manifest.order >= before[-1][1].order:
            before.append((version, manifest))
    return Truth(rows, believed)


def ids_of(world: World) -> dict[Kind, set[str]]:
    found: dict[Kind, set[str]] = {"record": set(), "subject": set(), "event": set()}
    parser = subject_of(world.settings).model.parser()
    for partition, (_, end) in world.log.bounds(world.settings.events_topic).items():
        for record in world.log.read(world.settings.events_topic, partition, 0, end):
            event = parser.read(record)
            if isinstance(event, Insert | Request):
                found["event"].add(event.event_id)
                found["record"] |= {event.record_id} - {None}  # type: ignore[arg-type]
                found["subject"] |= {event.subject_id} - {None}  # type: ignore[arg-type]
    if not world.settings.subjects:
        found["subject"] = set()
    return found


def rows_told(answer: Answer) -> dict[Place, RowTold]:
    return {(event.row.partition, event.row.slot): event.row for event in answer.events if event.row is not None}


def wrong_versions(truth: Truth, place: Place, told: RowTold, tally: Counter[str]) -> Iterator[str]:
    """What is said of a row's versions and isn't so."""
    held, published = truth.held(place), truth.manifests[place[0]]
    first = next((version for (version, _), holds in zip(published, held, strict=True) if holds), None)
    last = max((at for at, holds in enumerate(held) if holds), default=-1)
    without = published[last + 1][0] if 0 <= last < len(published) - 1 else None
    for what, said, true in (("first", told.first_version, first), ("without", told.without, without)):
        if (said is None) != (true is None):
            tally["unknown"] += said is None
            if said is not None or told.versions_known:
                yield f"{place}: {what} is {said}, should be {true}"
        elif said is not None and said.exact:
            tally["exact"] += 1
            if said.version != true:
                yield f"{place}: {what} is {said}, should be {true}"
        else:
            tally["inexact"] += said is not None
    if told.last_version is not None and told.last_version.exact and without is not None:
        kept = dict(published)[told.last_version.version]
        true_last = published[last][1]
        if told.last_version.version > published[last][0] or [e.through for e in kept.shards] != [
            e.through for e in true_last.shards
        ]:
            yield f"{place}: last is {told.last_version}, should be {published[last][0]}"


def wrong_outcome(event: EventTold, truth: Truth) -> Iterator[str]:
    """What isn't explained, or contradicts the log."""
    if event.outcome == "waiting":
        yield f"{event.event_id} waits, though all is applied"
    if event.type != "insert":
        return
    taken = event.row is not None
    if taken != (event.outcome in ("inserted", "updated")):
        yield f"{event}: row and outcome"
    if (
        event.outcome == "refused"
        and event.reason is None
        and (event.because is None or event.because.type != "delete")
    ):
        yield f"{event}: nothing refuses it"
    if event.outcome == "ignored" and (event.because is None or event.because.type != "insert"):
        yield f"{event}: nothing stands in its place"
    if event.row is not None and event.applied_at is not None:
        _, death = truth.rows[event.applied_at.partition, event.applied_at.offset]
        if (death is None) != (event.row.ended is None):
            yield f"{event}: its end"


def lifted_before(event: EventTold, told: Sequence[EventTold]) -> bool:
    """Whether the deletion that is said to refuse an insert was lifted before it; but for those that are copied."""
    by = event.because
    if by is None or by.type != "delete" or by.subject_id is None or event.applied_at is None:
        return False
    (deletion,) = [one for one in told if (one.partition, one.offset) == (by.partition, by.offset)]
    lifts = [one for one in told if one.outcome == "lifted" and _named(one) == _named(deletion)]
    places = [one.applied_at.offset for one in lifts if one.applied_at is not None]
    return any(
        deletion.applied_at.offset < offset < event.applied_at.offset for offset in places if deletion.applied_at
    )


def _named(event: EventTold) -> tuple[str | None, str | None]:
    return event.subject_id, event.record_id


def check(world: World, tally: Counter[str]) -> None:
    truth, ids = truth_of(world), ids_of(world)
    answerer = Answerer(world.settings, world.log, world.redis, lambda *_: None)
    for kind in ("record", "subject"):
        rows: dict[Place, RowTold] = {}
        for name in sorted(ids[kind]):
            answer = answerer.answer(Question(kind, name))
            rows |= rows_told(answer)
            problems = [problem for event in answer.events for problem in wrong_outcome(event, truth)]
            assert problems == [], name
            assert [one for one in answer.events if lifted_before(one, answer.events)] == [], name
            assert (answer.since is not None) == (answer.state != "unknown"), answer
            tally.update(event.outcome for event in answer.events)
        if kind == "record":
            assert rows.keys() == truth.rows.keys()
        problems = [problem for place, row in rows.items() for problem in wrong_versions(truth, place, row, tally)]
        assert problems == []
    for name in sorted(ids["event"])[:10]:
        answer = answerer.answer(Question("event", name))
        assert {event.event_id for event in answer.events} == {name}
        assert [problem for event in answer.events for problem in wrong_outcome(event, truth)] == []


def test_answers_are_what_was_published_and_what_the_log_says(redis_url: str) -> None:
    tally: Counter[str] = Counter()
    for seed in range(SEEDS):
        world = World(script_of(seed), shape_of(seed), "naive-bayes", redis_url, name=f"answer-{seed}", seed=seed)
        try:
            for action in history_of(seed):
                world.act(action)
            world.drain()
            check(world, tally)
        finally:
            world.close()
    assert min(tally["exact"], tally["refused"], tally["ignored"], tally["updated"], tally["lifted"]) > SEEDS

"""`unlearn answer` beside a worker on a real broker: each line of a person's and a record's story."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import at, insert
from tests.harness.kafka_harness import WorkerOnKafka
from tests.harness.processes import run
from unlearn.admin.answering.answer import Answerer
from unlearn.admin.answering.fates import CONFLICT, OLDER, REPEATED
from unlearn.admin.answering.question import Kind, Question
from unlearn.admin.answering.report import Answer, EventTold
from unlearn.events.event import Lift, encode
from unlearn.publishing import history

pytestmark = pytest.mark.slow
ANN, BOB = at(0, prefix="ann"), at(1, prefix="bob")


@pytest.fixture
def harness(redis_url: str, tmp_path: Path, kafka: str) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path, kafka)
    yield made
    made.close()


def ask(harness: WorkerOnKafka, kind: Kind, name: str) -> Answer:
    return Answerer(harness.settings, harness.log, harness.client, lambda *_: None).answer(Question(kind, name))


def told(answer: Answer) -> dict[str, EventTold]:
    found = {event.event_id: event for event in answer.events}
    assert len(found) == len(answer.events)
    return found


def publish(harness: WorkerOnKafka) -> int:
    """Until all is sealed, learned and hidden; the newest version."""
    harness.seal()
    harness.rest()
    version = harness.worker.results.version
    assert version is not None
    return version


def say(harness: WorkerOnKafka, event_id: str, record: str, subject: str, revision: int = 0, text: str = "a b") -> None:
    harness.say(insert(record, subject, revision, event_id=event_id, text=text))


def lift(harness: WorkerOnKafka, event_id: str, **named: Any) -> None:
    harness.say(Lift(event_id=event_id, requested_at="2023-01-01", **named))  # type: ignore[arg-type]


@pytest.fixture
def story(harness: WorkerOnKafka) -> WorkerOnKafka:
    """Ann writes, corrects, is forgotten, writes too late, and is let in again; Bob shares one of her record ids."""
    say(harness, "first", "r", ANN)
    say(harness, "same", "r", ANN)
    say(harness, "other", "r", ANN, text="c d")
    say(harness, "shared", "s", ANN)
    harness.raw(0, encode(insert("s", BOB, event_id="stray")), BOB.encode())
    publish(harness)
    say(harness, "corrected", "r", ANN, 1, text="c d")
    say(harness, "old", "r", ANN)
    publish(harness)
    harness.delete("s", event_id="both")
    publish(harness)
    harness.delete(subject=ANN, event_id="leave")
    say(harness, "late", "r2", ANN)
    publish(harness)
    lift(harness, "return", subject_id=ANN)
    say(harness, "again", "r2", ANN)
    publish(harness)
    return harness


def test_the_story_of_a_person_and_of_a_record(story: WorkerOnKafka) -> None:
    answer = ask(story, "subject", ANN)
    events = told(answer)

    # A person's story, by what became of each event
    assert {name: event.outcome for name, event in events.items()} == {
        "first": "inserted",
        "same": "ignored",
        "other": "ignored",
        "shared": "inserted",
        "corrected": "updated",
        "old": "ignored",
        "both": "deleted",
        "leave": "deleted",
        "late": "refused",
        "return": "lifted",
        "again": "inserted",
    }
    assert [events[name].reason for name in ("same", "other", "old")] == [REPEATED, CONFLICT, OLDER]
    assert [event.because.event_id for event in events.values() if event.because] == [
        "first",
        "first",
        "corrected",
        "leave",
    ]
    ends = {name: event.row.ended and event.row.ended.event_id for name, event in events.items() if event.row}
    assert ends == {"first": "corrected", "shared": "both", "corrected": "leave", "again": None}
    assert (answer.state, answer.since and answer.since.event_id, answer.notes) == ("member", "again", ())

    # Versions: each row is first held by one, and those that died by none from another on
    versions = {name: event.row for name, event in events.items() if event.row}
    for row in versions.values():
        assert row.versions_known
        assert row.first_version is not None
        assert row.first_version.exact
    gone = {name: (row.first_version, row.last_version, row.without) for name, row in versions.items() if row.ended}
    for first, last, without in gone.values():
        assert first and last and without  # noqa: PT018
        assert first.version <= last.version < without.version
    assert versions["again"].without is None

    # Receipts name the version from which on nobody holds the rows
    states = {name: [receipt.state for receipt in event.receipts] for name, event in events.items() if event.receipts}
    assert states == {"both": ["accepted", "hidden"], "leave": ["accepted", "hidden"], "return": ["accepted", "lifted"]}
    (_, hidden) = events["leave"].receipts
    assert (hidden.records, hidden.version) == (1, gone["corrected"][2] and gone["corrected"][2].version)

    # The record's story has both persons' rows, and where the stray one stood first
    shared = ask(story, "record", "s")
    record = told(shared)
    assert shared.state == "forgotten"
    assert record.keys() == {"shared", "stray", "both", "leave", "return"}
    stray = record["stray"]
    assert (stray.partition, stray.applied_at and stray.applied_at.partition) == (0, 1)
    assert stray.row is not None
    assert stray.row.ended == record["shared"].row.ended  # type: ignore[union-attr]
    assert record["both"].receipts[-1].records == 2

    # An event's own story
    late = ask(story, "event", "late")
    assert late.events == (events["late"],)
    (unknown, nothing) = ask(story, "event", "nobody's"), ask(story, "record", "nobody's")
    assert (unknown.state, nothing.state, unknown.events, nothing.events) == ("unknown", "unknown", (), ())
    say(story, "soon", "r9", ANN)
    assert told(ask(story, "record", "r9"))["soon"].outcome == "waiting"

    # The command says the same, as JSON and in words
    story.apply()
    printed = json.loads(run(story.settings, "answer", "--json", "--event", "late").stdout)
    assert printed == late.model_dump(mode="json", exclude={"record_id", "subject_id"})
    words = run(story.settings, "answer", "--subject", ANN, COLUMNS="300").stdout
    assert words.startswith(f"{ANN}: member since ")
    assert f"insert late, record r2 of subject {ANN}: refused: its subject is forgotten since " in words
    for line in (
        "delete both, record s: deleted",
        "both hidden: from version",
        "record r ends, by a later revision corrected",
        "the first version that holds record r2",
        f"lift return, subject {ANN}: lifted",
    ):
        assert line in words, words


def test_without_a_history_topic_all_else_goes_on(harness: WorkerOnKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    with harness.admin() as admin:
        admin.delete_topics([harness.settings.history_topic])
    harness.restart()
    say(harness, "first", "r", ANN)
    publish(harness)
    harness.delete("r", ANN, event_id="leave")
    publish(harness)

    assert "leave" in harness.event_ids("hidden")
    waits = [partition.trouble or "" for partition in harness.status().partitions]
    assert all("no history of versions is kept" in words and "unlearn topics create" in words for words in waits)
    answer = ask(harness, "record", "r")
    assert any("unlearn topics create" in note for note in answer.notes)

    # Once it is there, what is still known is told
    monkeypatch.setattr(history, "_TRY_AGAIN", 0.0)
    harness.log.create_topic(harness.settings.history_topic, 1)
    harness.restart()
    harness.turn_until(lambda: harness.counts["versions_told"] >= 2)
    assert ask(harness, "record", "r").notes == ()

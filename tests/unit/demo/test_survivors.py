"""Which rows are left, against the rules and against the reference."""

from __future__ import annotations

from typing import Any

from unlearn.demo.survivors import survivors
from unlearn.events.event import Delete, Event, Insert


def put(record: str, subject: str | None = None, revision: int = 0, text: str = "t") -> Insert:
    return Insert(event_id="e", record_id=record, subject_id=subject, revision=revision, text=text)


def kill(**names: Any) -> Delete:
    return Delete(event_id="d", requested_at="2023-01-01", **names)


def left(*events: Event) -> list[tuple[str, str | None, int, str | None]]:
    return [(row.record_id, row.subject_id, row.revision, row.text) for row in survivors(events)]


def test_a_delete_of_a_pair_kills_that_pair_even_before_its_insert() -> None:
    assert left(kill(record_id="r", subject_id="s"), put("r", "s"), put("r", "t"), put("r")) == [
        ("r", "t", 0, "t"),
        ("r", None, 0, "t"),
    ]


def test_a_record_alone_is_deleted_under_every_subject() -> None:
    assert left(put("r", "s"), put("r"), put("q", "s"), kill(record_id="r")) == [("q", "s", 0, "t")]


def test_a_subject_takes_all_its_records_and_not_the_record_of_the_same_name() -> None:
    assert left(put("r", "s"), put("s"), kill(subject_id="s"), put("q", "s")) == [("s", None, 0, "t")]


def test_the_highest_revision_above_the_tomb_counts_and_of_equal_ones_the_first() -> None:
    delete = kill(record_id="r", subject_id="s", revision=1)
    events = (put("r", "s", 2, "new"), put("r", "s", 1), put("r", "s", 2, "other"))

    assert left(*events, delete) == [("r", "s", 2, "new")]
    assert left(put("r", "s", 1), delete) == []


def test_repeating_every_event_changes_nothing() -> None:
    events: list[Event] = [put("a", "s"), put("b", "s"), kill(record_id="a"), put("c"), kill(subject_id="q")]

    assert left(*events, *events) == left(*events)

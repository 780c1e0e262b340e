"""Lifts and deletions so far as messages, and how an insert fares behind them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.test_reference import insert, played
from unlearn.events.event import NOT_OF_LIFTS, BadInsert, Delete, Lift, Unreadable
from unlearn.events.parsing import LIFTS_ALL, Parser, parse
from unlearn.mapping.mapping import PLAIN
from unlearn.mapping.reading import Reading

LIFT = {"type": "lift", "event_id": "l", "subject_id": "s", "requested_at": "2024-01-01"}
DELETE = {"type": "delete", "event_id": "d", "subject_id": "s", "requested_at": "2024-01-01"}


def read(**fields: Any) -> Any:
    return parse(json.dumps({name: value for name, value in fields.items() if value is not None}).encode())


def test_a_lift_names_what_a_deletion_named() -> None:
    assert read(**LIFT) == Lift(event_id="l", subject_id="s", requested_at="2024-01-01")
    assert read(**LIFT, record_id="r").record_id == "r"
    assert read(**LIFT | {"subject_id": None, "record_id": "r"}).subject_id is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"subject_id": None}, "a subject_id, a record_id or an alias is needed"),
        (
            {"requested_at": "soon"},
            "requested_at: must be a date: RFC 3339, such as 2024-05-01T12:00:00Z or 2024-05-01",
        ),
        ({"requested_at": None}, "requested_at: is missing"),
        ({"event_id": ""}, "event_id: must have at least 1 character"),
        ({"subject_id": None, "record_id": "r", "userId": "u"}, "unknown field that looks like subject_id"),
        ({"record_id": "r", "revision": 3}, LIFTS_ALL["revision"]),
        ({"record_id": "r", "revision": "no number"}, LIFTS_ALL["revision"]),
        ({"scope": "so_far"}, LIFTS_ALL["scope"]),
        ({"rev": 3}, "unknown field that looks like revision"),
        ({"Scope": "so_far"}, "unknown field that looks like scope"),
    ],
)
def test_a_bad_lift_is_refused_and_its_sender_told(changed: dict[str, Any], reason: str) -> None:
    assert read(**LIFT | changed) == BadInsert(reason, answers=True)


@pytest.mark.parametrize("field", [{"revision": 3}, {"scope": "so_far"}, {"rev": 3}])
def test_models_made_before_lifts_were_checked_apply_them(field: dict[str, Any]) -> None:
    (before,) = PLAIN.before
    value = json.dumps(LIFT | field).encode()
    assert parse(value) != Lift(event_id="l", subject_id="s", requested_at="2024-01-01")
    assert Parser(reading=Reading(before, "refuse")).parse(value) == Lift(
        event_id="l", subject_id="s", requested_at="2024-01-01"
    )


def test_a_null_is_no_revision() -> None:
    assert isinstance(parse(json.dumps(LIFT | {"revision": None, "scope": None}).encode()), Lift)


def test_a_lift_that_says_deletion_in_another_field_stays_open() -> None:
    assert read(**LIFT, op="d") == Unreadable("a lift that says deletion in another field")


def test_a_lift_whose_header_says_deletion_stays_open() -> None:
    assert isinstance(parse(json.dumps(LIFT).encode(), [("op", b"d")]), Unreadable)


@pytest.mark.parametrize("text", ['"delete"', '"un-DELETE me"'])
def test_a_bad_lift_that_speaks_of_deletion_stays_open(text: str) -> None:
    assert isinstance(parse(f'{{"type":"lift","event_id":"l","note":{text}}}'.encode()), Unreadable)


def test_so_far_is_for_whole_subjects() -> None:
    assert read(**DELETE, scope="so_far") == Delete(
        event_id="d", subject_id="s", requested_at="2024-01-01", scope="so_far"
    )
    assert isinstance(read(**DELETE, scope="so_far", record_id="r"), Unreadable)
    assert isinstance(read(**DELETE, scope="later"), Unreadable)
    assert isinstance(read(**DELETE, scope="so_far", revision=1), Unreadable)


def lives(*events: Any) -> list[int]:
    """The slots of the rows that live in the end."""
    return [row.slot for row in played(*events).rows.values() if row.death is None]


def gone(subject: str | None, record: str | None = None, scope: Any = None) -> Delete:
    return Delete(event_id="d", subject_id=subject, record_id=record, requested_at="2024-01-01", scope=scope)


def lift(subject: str | None, record: str | None = None) -> Lift:
    return Lift(event_id="l", subject_id=subject, record_id=record, requested_at="2024-01-01")


@pytest.mark.parametrize("names", [("s", None), ("s", "r"), (None, "r")])
def test_what_is_lifted_is_taken_again_and_what_died_stays_dead(names: tuple[str | None, str | None]) -> None:
    assert lives(insert("r", "s"), gone(*names), insert("r", "s"), lift(*names), insert("r", "s")) == [4]


@pytest.mark.parametrize("other", [("s", "r"), (None, "r"), ("s", None)])
@pytest.mark.parametrize("names", [("s", None), ("s", "r"), (None, "r")])
def test_a_lift_ends_no_deletion_that_names_something_else(
    names: tuple[str | None, str | None], other: tuple[str | None, str | None]
) -> None:
    assert lives(gone(*names), lift(*other), insert("r", "s")) == ([2] if names == other else [])


def test_so_far_lets_later_records_in() -> None:
    assert lives(insert("r", "s"), gone("s", scope="so_far"), insert("r", "s"), insert("q", "s")) == [2, 3]
    assert lives(gone("s"), gone("s", scope="so_far"), insert("r", "s")) == []
    assert lives(insert("r", "s"), gone("s", scope="so_far"), gone("s"), insert("q", "s")) == []


def test_the_schema_says_what_a_lift_has_not() -> None:
    refused = Lift.model_json_schema()["not"]["anyOf"]
    assert [one["required"] for one in refused] == [[name] for name in NOT_OF_LIFTS]

"""A field that is nearly one of ours is never passed over where it says whose record it is, or what is deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unlearn.events.event import BadInsert, Delete, Insert, Seal, Unreadable
from unlearn.events.parsing import Parser, parse

INSERT = {"type": "insert", "event_id": "e", "record_id": "r", "text": "x"}
DELETE = {"type": "delete", "event_id": "e", "requested_at": "2024-01-01T00:00:00Z"}
RECORD = {**DELETE, "record_id": "r"}
SUBJECT = {**DELETE, "subject_id": "s"}


def dumps(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def like(name: str) -> str:
    return f"unknown field that looks like {name}"


def misspelled(name: str) -> list[str]:
    """Other spellings of one of our names."""
    first, *rest = name.split("_")
    camel = first + "".join(part.capitalize() for part in rest)
    made = [camel, camel[0].upper() + camel[1:], name.upper(), name.title(), name.replace("_", ""), f"_{name}"]
    made += [name.replace("_", "-"), name.replace("_", " "), name.replace("_", "__"), f"{name}_", f" {name}"]
    return [spelling for spelling in made if spelling != name]


@pytest.mark.parametrize(
    "name", ["event_id", "record_id", "subject_id", "revision", "occurred_at", "label", "text", "features"]
)
def test_an_insert_with_a_field_spelled_nearly_like_one_of_ours_is_bad(name: str) -> None:
    for spelling in misspelled(name):
        told = {parse(dumps({**INSERT, spelling: "v"})), parse(dumps({spelling: 7, **INSERT, "lang": "en"}))}
        assert told == {BadInsert(like(name))}, spelling


@pytest.mark.parametrize("name", ["event_id", "record_id", "subject_id", "revision", "requested_at", "forget_within"])
@pytest.mark.parametrize("delete", [RECORD, SUBJECT, {**RECORD, "subject_id": "s"}])
def test_a_deletion_with_a_field_spelled_nearly_like_one_of_ours_stays_open(delete: dict[str, Any], name: str) -> None:
    for spelling in misspelled(name):
        assert parse(dumps({**delete, spelling: "v"})) == Unreadable(like(name)), spelling


@pytest.mark.parametrize("spelling", ["Type", "TYPE", "_type", "t_y-p e"])
@pytest.mark.parametrize("event", [INSERT, RECORD, {"type": "seal"}])
def test_a_second_type_in_another_spelling_leaves_open_what_is_meant(event: dict[str, Any], spelling: str) -> None:
    assert parse(dumps({**event, spelling: "erase"})) == Unreadable(like("type"))


OWNERS = [
    *("userId", "user_id", "USERID", "user", "users", "userName", "uid", "user_uuid", "user-ids", "username"),
    *("subject", "subjects", "subject_key", "subject_ids", "subjectIdentifier", "data_subject", "data_subject_id"),
    *("account", "account_id", "accountNumber", "customerId", "customer", "client_id", "person_id", "owner_id"),
    *("author_id", "author", "member_id", "patient_id", "employee_id", "subscriber_id", "profile_id", "login"),
    *("suject_id", "subjet_id", "subjectt_id", "sbuject_id"),
]


@pytest.mark.parametrize("name", OWNERS)
@pytest.mark.parametrize("value", ["ann", 7, {"id": "ann"}, ["ann"], ""])
def test_another_word_for_the_subject_counts_where_there_is_no_subject(name: str, value: object) -> None:
    assert parse(dumps({**INSERT, name: value})) == BadInsert(like("subject_id"))
    assert parse(dumps({**INSERT, "subject_id": None, name: value})) == BadInsert(like("subject_id"))
    assert parse(dumps({**RECORD, name: value})) == Unreadable(like("subject_id"))
    assert parse(dumps({**DELETE, name: value})) == Unreadable(like("subject_id"))


RECORDS = [
    *("recordId", "recordid", "record", "records", "record_ids", "record_uuid", "recordKey", "rec_id", "recrod_id"),
    *("id", "_id", "uuid", "guid", "item_id", "itemIds", "doc_id", "document_id", "messageId", "tweet_id"),
    *("post_id", "comment_id", "example_id", "sample_id", "row_id", "entry_id"),
]


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("value", ["r", 7, ["r1", "r2"], {"id": "r"}])
def test_another_word_for_the_record_keeps_a_deletion_from_taking_the_whole_subject(name: str, value: object) -> None:
    assert parse(dumps({**SUBJECT, name: value})) == Unreadable(like("record_id"))
    assert parse(dumps({**DELETE, name: value})) == Unreadable(like("record_id"))


@pytest.mark.parametrize("name", ["rev", "REV", "rev_no", "revisions", "revision_number", "revisionId", "revison"])
def test_another_word_for_the_revision_counts_where_there_is_none(name: str) -> None:
    assert parse(dumps({**INSERT, name: 3})) == BadInsert(like("revision"))
    assert parse(dumps({**RECORD, name: 3})) == Unreadable(like("revision"))


@pytest.mark.parametrize("name", ["version", "Ver"])
def test_a_version_that_may_be_a_revision_keeps_a_deletion_from_taking_all_revisions(name: str) -> None:
    assert parse(dumps({**RECORD, name: 3})) == Unreadable(like("revision"))
    assert parse(dumps({**RECORD, name: "3"})) == Unreadable(like("revision"))
    assert isinstance(parse(dumps({**RECORD, name: "1.0"})), Delete)
    assert isinstance(parse(dumps({**INSERT, name: 3})), Insert)


@pytest.mark.parametrize(
    ("event", "extra"),
    [
        # What we would read is there: another word beside it is of the sender's own use.
        ({**INSERT, "subject_id": "s"}, {"user_id": 7, "user": {"id": 7, "name": "ann"}, "author": "ann"}),
        ({**INSERT, "subject_id": "s", "revision": 0}, {"account_id": "tenant-1", "subject": "Re: lunch", "rev": 4}),
        ({**RECORD, "subject_id": "s"}, {"user": "ann", "id": 9, "uuid": "u"}),
        ({**RECORD, "subject_id": "s", "revision": 1}, {"version": 1}),
        (RECORD, {"id": "e", "tweet_id": 5}),
        # An insert always names its record.
        ({**INSERT, "subject_id": "s"}, {"id": 9, "tweet_id": 5, "message_id": "m", "uuid": "u", "documents": []}),
        # What is said to be nothing.
        (INSERT, {"userId": None, "subjectId": None, "Type": None}),
        (SUBJECT, {"recordId": None, "id": None, "rev": None}),
        # Names of the other type, and whatever else is sent.
        (INSERT, {"requestedAt": "x", "forgetWithin": 1, "timestamp": 5, "source": "web", "id": 1, "lang": "en"}),
        (
            SUBJECT,
            {"Label": "spam", "TEXT": "x", "timestamp": 5, "reason": "GDPR", "message": "please"},
        ),
        (INSERT, {"objective": 1, "provision": 2, "future": 3, "test": 4, "next": 5, "table": 6, "title": "t"}),
        (INSERT, {"nested": {"userId": "ann", "recordId": "r"}, "@type": "Tweet", "$type": "Tweet", "types": []}),
        ({"type": "seal"}, {"record": "r", "user": "u", "recordId": "r"}),
        (INSERT, {"u" * 10_000: 1, "": 1, "é": 1, "\U0001f600": 1}),
    ],
)
def test_other_unknown_fields_are_passed_over(event: dict[str, Any], extra: dict[str, Any]) -> None:
    assert isinstance(parse(dumps({**event, **extra})), Insert | Delete | Seal)


def test_the_near_miss_is_told_before_what_it_makes_missing() -> None:
    renamed = {name: value for name, value in INSERT.items() if name != "record_id"}

    assert parse(dumps({**renamed, "recordId": "r"})) == BadInsert(like("record_id"))
    assert parse(dumps({**DELETE, "subjectId": "s"})) == Unreadable(like("subject_id"))


def test_an_escaped_near_miss_is_found() -> None:
    assert parse(dumps(RECORD)[:-1] + b',"\\u0073ubjectId":"s"}') == Unreadable(like("subject_id"))


def test_a_bad_insert_that_holds_the_word_stays_open() -> None:
    assert parse(dumps({**INSERT, "subjectId": "s", "text": "delete me"})) == Unreadable(like("subject_id"))


def test_reasons_never_hold_the_unknown_name() -> None:
    outcome = parse(dumps({**INSERT, "s u B-j_E.c-T_i D": "s3cret"}))

    assert outcome == BadInsert(like("subject_id"))


def test_a_model_with_bounds_of_its_own_sees_near_misses_too() -> None:
    parser = Parser(("ham", "spam"), 4, counts=True)

    assert parser.parse(dumps({**INSERT, "label": "ham", "userId": "u"})) == BadInsert(like("subject_id"))

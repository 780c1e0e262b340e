"""What isn't an insert or a seal by its own word stays open, whatever it calls what it wants."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from unlearn.events.event import BadInsert, Delete, Empty, Insert, Seal, Unreadable
from unlearn.events.frames import FRAMED
from unlearn.events.parsing import NOT_JSON, Parser, parse
from unlearn.events.possible_deletions.envelopes import BEHIND_BYTES, BEHIND_ID, BEHIND_MARK, IN_ENVELOPE
from unlearn.events.refused_fields import told_of
from unlearn.log.protocol import Entry
from unlearn.mapping.reading import EARLIER_READING

INSERT = {"type": "insert", "event_id": "e", "record_id": "r", "text": "please delete me"}
DELETE = {"type": "delete", "event_id": "e", "record_id": "r", "requested_at": "2024-01-01T00:00:00Z"}
EARLIER = Parser(reading=EARLIER_READING)
BAD = {"type": "insert", "event_id": "e", "record_id": "r"}
ROW = {"id": 7, "record_id": "r", "subject_id": "s"}
CLOUD = {"specversion": "1.0", "id": "1", "source": "/posts", "type": "com.example.post.created"}


def dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


OTHER_WORDS: list[Any] = [
    {"before": ROW, "after": None, "op": "d"},
    {"schema": {}, "payload": {"before": ROW, "after": None, "op": "d"}},
    {"before": ROW, "after": ROW, "op": "u"},
    {**ROW, "__deleted": "true", "__op": "d"},
    {"op": "d", **ROW},
    {"type": "erase", **ROW},
    {"type": "remove", **ROW},
    {"type": "forget", "subject_id": "s"},
    {"type": "tombstone", "key": "r"},
    {"type": "purge", "id": "r"},
    {"type": "user.erasure.requested", "data": {"id": "s"}},
    {**CLOUD, "type": "com.example.user.erased", "data": {"subject_id": "s"}},
    {"action": "remove", "record": "r"},
    {"event": "gdpr_request", "user": "s"},
    {"eventType": "REMOVE", "dynamodb": {"Keys": {"id": {"S": "r"}}}},
    {"operationType": "drop", "documentKey": {"_id": "r"}},
    {"record_id": "r", "text": None},
    {"record_id": "r"},
    {"Type": "insert", "event_id": "e", "record_id": "r", "text": "x"},
    {"kind": "insert", "event_id": "e", "record_id": "r", "text": "x"},
    {"type": " insert", "event_id": "e", "record_id": "r", "text": "x"},
    {"type": "Insert", "event_id": "e", "record_id": "r", "text": "x"},
    {},
    [],
    [INSERT],
    [ROW, "erase"],
    "insert",
    "erase r",
    7,
    True,
    None,
]


@pytest.mark.parametrize("shape", OTHER_WORDS, ids=lambda shape: json.dumps(shape)[:50])
def test_what_is_no_insert_or_seal_by_its_own_word_stays_open(shape: Any) -> None:
    assert isinstance(parse(dumps(shape)), Unreadable)


@pytest.mark.parametrize("twice", [b'"type":"insert"', b'"type":"seal"', b'"typ\\u0065":"insert"', b'"type":1'])
def test_a_type_that_is_said_twice_is_nobodys_word(twice: bytes) -> None:
    assert parse(dumps({**INSERT, "text": "x"})[:-1] + b"," + twice + b"}") == Unreadable("a key is there twice")
    assert isinstance(parse(b'{"type":"seal",' + twice + b"}"), Unreadable)


def test_only_what_says_insert_or_seal_once_is_a_bad_insert() -> None:
    assert parse(dumps(BAD)) == BadInsert("exactly one of text and features is needed")
    assert parse(b'{"type":"seal","a":1,"a":2}') == BadInsert("a key is there twice")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((flag, True) for flag in ("deleted", "_deleted", "__deleted", "isDeleted", "is_removed", "erased", "delete")),
        *(("deleted", value) for value in ("true", 1, "yes", {"at": 5}, "2024-01-01")),
        ("deleted_at", "2024-01-01"),
        ("tombstone", True),
        *(("op", word) for word in ("d", "D", "delete", "remove")),
        *((name, "DELETE") for name in ("__op", "operation", "operationType", "action", "event_type", "eventName")),
        ("action", "erase"),
        ("event_type", "com.example.user.erased"),
        *((name, "deleted") for name in ("status", "state", "rowStatus", "account_status", "lifecycle_state")),
        *(("status", word) for word in ("DELETED", "soft-deleted", "to be erased", "consent withdrawn", "Removed")),
        ("visibility", "removed"),
    ],
)
def test_an_insert_that_says_deletion_beside_stays_open(name: str, value: object) -> None:
    """A row's last image, sent when the row went, looks like an insert but for that."""
    said = Unreadable("an insert that says deletion in another field")
    assert parse(dumps({**INSERT, name: value})) == said
    assert parse(dumps({**INSERT, "text": "x", name: value})) == said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("deleted", value) for value in (False, None, 0, "false", "0", "no", "")),
        *(("op", word) for word in ("c", "r", "u", "create", 5, None)),
        *(("action", word) for word in ("created", "posted")),
        ("note", "delete"),
        *(("status", word) for word in ("active", "undeleted", "not deleted", "D", "draft", 5, None, "x" * 90)),
        ("state", "DE"),
        ("undeleted", True),
    ],
)
def test_an_insert_that_says_it_lives_is_one(name: str, value: object) -> None:
    assert isinstance(parse(dumps({**INSERT, name: value})), Insert)


def test_models_of_earlier_releases_pass_a_status_over() -> None:
    gone = dumps({**INSERT, "status": "deleted"})
    assert isinstance(EARLIER.parse(gone), Insert)
    assert isinstance(EARLIER.parse(dumps(INSERT), [("status", b"deleted")]), Insert)
    assert EARLIER.parse(dumps({**INSERT, "deleted": True})) == Unreadable(
        "an insert that says deletion in another field"
    )


@pytest.mark.parametrize(
    "header",
    [
        ("ce_type", b"com.example.user.deleted"),
        ("ce_type", b"com.example.user.erased"),
        ("CE_Type", b"user.forget"),
        ("ce-type", b"remove"),
        ("cloudEvents:type", b"remove"),
        ("__op", b"d"),
        ("__deleted", b"true"),
        ("event-type", b"REMOVED"),
        ("type", b"erase"),
        ("x-operation", b"delete"),
        ("row-status", b"deleted"),
    ],
)
def test_a_header_that_says_deletion_counts(header: tuple[str, bytes]) -> None:
    said = Unreadable("a header says deletion")
    for value in (dumps(INSERT), dumps({**INSERT, "text": "x"}), b'{"type":"seal"}', None):
        assert parse(value, [("trace", b"1"), header]) == said, value
    assert isinstance(parse(dumps(BAD), [header]), Unreadable)
    assert isinstance(parse(dumps(ROW), [header]), Unreadable)
    assert isinstance(parse(dumps(DELETE), [header]), Delete)


def test_a_null_with_a_type_of_its_own_is_an_event_of_another_kind() -> None:
    said = Unreadable("no value, and a header that names a type")
    assert parse(None, [("ce_type", b"com.example.user.left")]) == said
    assert parse(None, [("ce_id", b"1"), ("trace", b"x"), ("ce_type", None)]) == Empty()
    assert parse(None, [("kafka_messageKey", b"x"), ("__TypeId__", b"KafkaNull")]) == Empty()


def test_a_bad_insert_whose_headers_hold_the_word_stays_open() -> None:
    assert isinstance(parse(dumps(BAD), [("why", b"please DELETE")]), Unreadable)
    assert isinstance(parse(dumps(BAD), [("x-delete", None)]), Unreadable)
    assert isinstance(parse(dumps(BAD), [("why", b"\xff")]), BadInsert)


@pytest.mark.parametrize(
    "headers",
    [
        [("trace", b"delete")],
        [("ce_type", b"com.example.post.created"), ("ce_id", b"delete")],
        [("unlearn-origin", b"delete-my-model/0/1/2/3")],
        [("ce_type", None), ("ce_type", b"\xff\xfe"), ("", b"")],
    ],
)
def test_other_headers_change_nothing(headers: list[tuple[str, bytes | None]]) -> None:
    assert isinstance(parse(dumps(INSERT), headers), Insert)
    assert isinstance(parse(dumps(DELETE), headers), Delete)
    assert parse(b'{"type":"seal"}', headers) == Seal()


def test_the_mark_of_what_is_sent_on_is_no_word_of_the_sender() -> None:
    assert isinstance(parse(dumps(BAD), [("unlearn-origin", b"delete-my-model/0/1/2/3")]), BadInsert)


FRAMES = [
    (b"\xef\xbb\xbf", BEHIND_MARK),
    (b"\0" + struct.pack(">I", 7), BEHIND_ID),
    (b"\0" + struct.pack(">I", 0x7B7B7B7B), BEHIND_ID),
    (b"\x03\x00" + bytes(range(16)), BEHIND_BYTES),
    (b"\0" + struct.pack(">Q", 9), BEHIND_BYTES),
    (b")]}',\n", BEHIND_BYTES),
]


@pytest.mark.parametrize(("frame", "reason"), FRAMES)
def test_an_insert_in_a_frame_is_open_by_a_reason_of_its_own(frame: bytes, reason: str) -> None:
    assert EARLIER.parse(frame + dumps(INSERT)) == Unreadable(reason)
    assert EARLIER.parse(frame + dumps(BAD)) == Unreadable(reason)


@pytest.mark.parametrize("frame", [frame for frame, reason in FRAMES if reason != BEHIND_BYTES])
@pytest.mark.parametrize("inner", [INSERT, DELETE, BAD, {**INSERT, "deleted": True}, ROW, {"type": "seal"}])
def test_a_mark_and_a_schemas_id_are_taken_off(frame: bytes, inner: Any) -> None:
    assert parse(frame + dumps(inner)) == parse(dumps(inner))
    assert Parser().told(Entry(0, 0, 1, None, frame + dumps(inner))) == told_of(dumps(inner))


def test_a_mark_behind_an_id_is_taken_off_and_other_bytes_behind_one_stay_open() -> None:
    assert parse(b"\0\0\0\0\7\xef\xbb\xbf" + dumps(DELETE)) == parse(dumps(DELETE))
    assert parse(b"\0\0\0\0\7\x02\x0er1") == Unreadable(FRAMED)
    assert EARLIER.parse(b"\0\0\0\0\7\x02\x0er1") == Unreadable(NOT_JSON)


@pytest.mark.parametrize(("frame", "reason"), FRAMES)
@pytest.mark.parametrize("inner", [DELETE, ROW, {"type": "erase"}, {**INSERT, "deleted": True}, {**BAD, "x": "delete"}])
def test_what_may_be_a_deletion_in_a_frame_never_bears_that_reason(frame: bytes, reason: str, inner: Any) -> None:
    outcome = EARLIER.parse(frame + dumps(inner))

    assert isinstance(outcome, Unreadable)
    assert outcome.reason != reason


@pytest.mark.parametrize(
    "envelope",
    [
        {**CLOUD, "data": INSERT},
        {**CLOUD, "data": BAD},
        {**CLOUD, "data": json.dumps(INSERT)},
        {"schema": {"type": "struct"}, "payload": INSERT},
        {"payload": {"before": None, "after": INSERT, "op": "c"}},
        {"value": INSERT, "partition": 3},
        {"event": INSERT},
    ],
    ids=lambda envelope: json.dumps(envelope)[:50],
)
def test_an_insert_in_an_envelope_is_open_by_a_reason_of_its_own(envelope: Any) -> None:
    assert parse(dumps(envelope)) == Unreadable(IN_ENVELOPE)


@pytest.mark.parametrize(
    "envelope",
    [
        {**CLOUD, "data": DELETE},
        {**CLOUD, "data": {**INSERT, "deleted": True}},
        {**CLOUD, "type": "com.example.post.erased", "data": INSERT},
        {**CLOUD, "data": INSERT, "why": "delete"},
        {"payload": INSERT, "op": "d"},
        {"payload": {"before": INSERT, "after": None, "op": "d"}},
        {"data": INSERT, "payload": INSERT},
        {"data": INSERT, "event": ROW, "deleted": True},
        {"data": {"data": {"data": {"data": {"data": INSERT}}}}},
        {"data": "{"},
        {"type": "delete", "data": INSERT},
    ],
    ids=lambda envelope: json.dumps(envelope)[:50],
)
def test_an_envelope_that_may_be_a_deletion_never_bears_that_reason(envelope: Any) -> None:
    outcome = parse(dumps(envelope))

    assert isinstance(outcome, Unreadable)
    assert outcome.reason != IN_ENVELOPE


def test_a_header_that_says_deletion_outweighs_frame_and_envelope() -> None:
    header = [("ce_type", b"user.deleted")]
    for value in (b"\xef\xbb\xbf" + dumps(INSERT), dumps({**CLOUD, "data": INSERT})):
        assert parse(value, header) == Unreadable("a header says deletion")


def test_deep_and_long_frames_are_bounded() -> None:
    for value in (b"\xef\xbb\xbf" * 300_000, b"\0" * 1_000_000, b"\0\0\0\0\7" * 100_000 + dumps(INSERT)):
        assert isinstance(parse(value), Unreadable)


@pytest.mark.parametrize(
    "when",
    [
        *("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.123456789+05:30", "2024-02-29", "1999-12-31t23:59:60z"),
        *("2024-01-01 00:00:00Z", "2024-01-01T00:00:00-00:00"),
    ],
)
def test_a_deletion_is_asked_for_at_a_date(when: str) -> None:
    assert isinstance(parse(dumps({**DELETE, "requested_at": when})), Delete)


@pytest.mark.parametrize(
    "when",
    [
        *("yesterday", "now", "t", "1704067200", "2024-13-01", "2024-02-30", "2024-1-1", "20240101", "2024-W01-1"),
        *("2024-01-01T00:00:00", "2024-01-01T24:00:00Z", "2024-01-01T00:00Z", "2024-01-01T00:00:00+1", "0000-01-01"),
        *("2024-01-01T00:00:00Z ", "\uff12024-01-01", "Mon Jan 01 00:00:00 +0000 2024", "01/02/2024"),
        *("2024-01-01T00:00:00+99:00", "2024-01-01T00:00:61Z"),
    ],
)
def test_a_deletion_asked_for_at_no_date_stays_open(when: str) -> None:
    told = "requested_at: must be a date: RFC 3339, such as 2024-05-01T12:00:00Z or 2024-05-01"
    assert parse(dumps({**DELETE, "requested_at": when})) == Unreadable(told)


NOON = 1_704_110_400_000  # 2024-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("when", "late"),
    [
        ("2024-01-02T12:00:00Z", False),
        ("2024-01-02T12:00:00.001Z", True),
        ("2024-01-02T13:00:00+01:00", False),
        ("2024-01-02T12:30:00-00:30", True),
        ("2024-01-02", False),
        ("2024-01-03", True),
        ("9999-12-31T23:59:59Z", True),
        ("0001-01-01T00:00:00+23:59", False),
    ],
)
def test_a_deletion_asked_for_in_the_future_stays_open(when: str, late: bool) -> None:
    outcome = parse(dumps({**DELETE, "requested_at": when}), at=NOON)

    if late:
        assert outcome == Unreadable("requested_at: more than a day after the record's own time")
    else:
        assert isinstance(outcome, Delete)


@pytest.mark.parametrize("at", [None, -1, 0])
def test_without_a_time_of_its_own_a_record_can_not_tell_the_future(at: int | None) -> None:
    assert isinstance(parse(dumps({**DELETE, "requested_at": "2099-01-01"}), at=at), Delete)


@pytest.mark.parametrize("revision", [0, 3])
def test_a_revision_means_nothing_for_a_whole_subject(revision: int) -> None:
    whole = {"type": "delete", "event_id": "e", "subject_id": "s", "requested_at": "2024-01-01"}
    told = Unreadable("revision: means nothing for a whole subject; name its record, or leave it out")
    assert parse(dumps({**whole, "revision": revision})) == told
    assert parse(dumps({**whole, "revision": revision, "record_id": None})) == told
    assert isinstance(parse(dumps({**whole, "revision": None})), Delete)
    assert isinstance(parse(dumps({**whole, "revision": revision, "record_id": "r"})), Delete)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (dumps({**DELETE, "requested_at": "yesterday"}), Delete),
        (dumps({**DELETE, "requested_at": "2099-01-01"}), Delete),
        (dumps({**DELETE, "userId": "u"}), Delete),
        (dumps({**INSERT, "userId": "u"}), Insert),
        (dumps({**INSERT, "deleted": True}), Insert),
        (
            dumps({"type": "delete", "event_id": "e", "subject_id": "s", "revision": 1, "requested_at": "2023-01-01"}),
            Delete,
        ),
        (dumps(BAD), BadInsert),
        (b"\xff", Unreadable),
        (None, Empty),
    ],
)
def test_what_was_applied_under_laxer_rules_is_read_again(value: bytes | None, kind: type) -> None:
    assert isinstance(EARLIER.taken(Entry(0, 0, 1, None, value)), kind)
    assert isinstance(Parser().taken(Entry(0, 0, 1, None, value)), kind)

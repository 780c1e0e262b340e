"""Bytes and what they turn out to be: nothing that may be a deletion passes for a bad insert."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unlearn.events.event import BadInsert, Delete, Empty, Insert, Seal, Unreadable
from unlearn.events.parsing import Parser, parse
from unlearn.events.scanning import MAX_DEPTH

INSERT = {"type": "insert", "event_id": "e", "record_id": "r", "text": "x"}
DELETE = {"type": "delete", "event_id": "e", "record_id": "r", "requested_at": "2024-01-01T00:00:00Z"}


def dumps(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def with_features(features: str) -> bytes:
    return b'{"type":"insert","event_id":"e","record_id":"r","features":%s}' % features.encode()


def spelled(raw: str) -> bytes:
    """An insert with more JSON before its closing brace."""
    return dumps(INSERT)[:-1] + b"," + raw.encode() + b"}"


def nested(depth: int) -> bytes:
    return spelled('"z":' + "[" * (depth - 1) + "]" * (depth - 1))


def test_null_is_empty() -> None:
    assert parse(None) == Empty()


@pytest.mark.parametrize(
    "raw",
    [
        dumps(INSERT),
        json.dumps(INSERT, indent=2).encode(),
        json.dumps(INSERT, separators=(",", ":")).encode(),
        b" \r\n\t" + dumps(INSERT) + b"\n",
        b'{"type" :\t"insert","event_id":"e","record_id":"r","text":"x"}',
        b'{"type":"\\u0069nsert","event_id":"e","record_id":"r","text":"x"}',
        b'{"text":"x","record_id":"r","event_id":"e","typ\\u0065":"insert"}',
        spelled('"lang":"en","nested":{"a":[1,{"a":2}],"b":null}'),
        spelled('"subject_id":null,"label":null,"features":null,"occurred_at":null'),
        spelled('"unknown":NaN'),
        nested(MAX_DEPTH),
    ],
)
def test_an_insert_is_read_however_it_is_spelled(raw: bytes) -> None:
    event = parse(raw)

    assert isinstance(event, Insert)
    assert (event.type, event.event_id, event.record_id, event.text) == ("insert", "e", "r", "x")


@pytest.mark.parametrize(
    "text",
    [
        "please delete me",
        "DELETE",
        '{"type":"delete"}',
        'a "quoted" word',
        '\\"',
        "\\",
        '": "',
        "\\u0064elete",
        "👍🏽",
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_an_insert_may_say_anything(text: str, ascii_only: bool) -> None:
    event = parse(json.dumps({**INSERT, "text": text}, ensure_ascii=ascii_only).encode())

    assert isinstance(event, Insert)
    assert event.text == text


@pytest.mark.parametrize(
    "raw",
    [
        dumps(DELETE),
        dumps({**DELETE, "record_id": "insert"}),
        dumps({**DELETE, "forget_within": "P30D", "why": "GDPR"}),
    ],
)
def test_a_delete_is_read(raw: bytes) -> None:
    assert isinstance(parse(raw), Delete)


@pytest.mark.parametrize("raw", [b'{"type":"seal"}', b'{"type":"seal","reason":"delete"}', b'{"x":{},"type": "seal"}'])
def test_a_seal_is_read(raw: bytes) -> None:
    assert parse(raw) == Seal()


@pytest.mark.parametrize(
    "raw",
    [
        # Not JSON in UTF-8.
        b"",
        b" ",
        b"\xff",
        b'{"type":"insert"',
        b'{"type":"seal"} x',
        json.dumps(INSERT).encode("utf-16"),
        b'{"type":"insert","text":"\xed\xa0\x80"}',
        b'{"type":"insert","text":"\x00"}',
        b"-NaN",
        b"[" * 100_000,
        nested(MAX_DEPTH + 1),
        nested(190),
        nested(100_000),
        # Another type, or two.
        b'{"type":"upsert"}',
        b'{"type":"INSERT"}',
        b'{"type":null}',
        b'{"type":1}',
        b'{"type":{"a":"insert"}}',
        b'{"type":["insert"]}',
        spelled('"type":"erase"'),
        b'{"type":"erase",' + dumps(INSERT)[1:],
        b'{"type":"delete",' + dumps(INSERT)[1:],
        spelled('"typ\\u0065":"\\u0064elete"'),
        spelled('"type" : "erase"'),
        # No type, or said twice.
        b"null",
        b"NaN",
        b"-Infinity",
        b"[]",
        b'"text"',
        b"{}",
        b'{"record_id":"r"}',
        spelled('"type":"insert"'),
        spelled('"type":"seal"'),
        b'{"type":"seal","type":"seal"}',
        b'{"event_id":"e","record_id":"r","text":"x"}',
        # A deletion that is wrong.
        dumps({**DELETE, "record_id": None}),
        dumps({**DELETE, "revision": -1}),
        dumps(DELETE)[:-1] + b',"record_id":"other"}',
        dumps(DELETE)[:-1] + b',"revision":NaN}',
        dumps(DELETE)[:-1] + b',"revision":' + b"9" * 5000 + b"}",
        # Wrong, and holds the word.
        b'"delete"',
        b'["DeLeTe"]',
        b'{"op":"delete","id":"r"}',
        b'{"op":"\\u0064\\u0045lete"}',
        b'{"\\u0064elete":1}',
        dumps({"type": "insert", "text": "delete"}),
        dumps({**INSERT, "text": "delete", "revision": -1}),
        spelled('"text":"\\u0044elete"'),
        b'{"type":"insert","text":"\\u12DElete"}',
        b'{"type":"seal","a":1,"a":"undeleted"}',
    ],
)
def test_a_possible_deletion_stays_open(raw: bytes) -> None:
    assert isinstance(parse(raw), Unreadable)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"insert"}',
        b'{"type":"insert","elete":"\\\\u0064elete"}',
        dumps({**INSERT, "record_id": ""}),
        dumps({**INSERT, "record_id": None}),
        spelled('"label":NaN'),
        spelled('"revision":1e400'),
        spelled('"revision":' + "9" * 5000),
        spelled('"subject_id":"\\ud800"'),
        spelled('"features":[1]'),
        spelled('"text":"x"'),
        spelled('"text" \n:"\\u0022\\u0022\\u0022"'),
        spelled('"r":{"a":1,"\\u0061":1}'),
        spelled('"r":[{"a":1,"a":1}]'),
        with_features("[1e400]"),
        with_features("[NaN]"),
        with_features("[%s]" % ("9" * 400)),
        with_features('{"1":1,"1":1}'),
        with_features('{"1":1,"01":1}'),
        with_features('{"1":1,"\\u0031":1}'),
        with_features('{"2147483648":1}'),
    ],
)
def test_an_insert_or_a_seal_by_its_own_word_that_is_wrong_is_a_bad_insert(raw: bytes) -> None:
    assert isinstance(parse(raw), BadInsert)


def test_a_hidden_repeat_is_found_whatever_evens_out_the_quotes() -> None:
    """Escapes may stand for quotes, and backslashes before real ones: neither pays for a key."""
    start = '{"type":"insert","event_id":"e","record_id":"r",'
    for text in ("\\u0022" * 4, "\\\\", 'a\\"\\"\\"\\"', '\\u0022\\u0022\\"\\"'):
        twice = f'{start}"text":"{text}","text":"{text}"}}'
        assert isinstance(parse(twice.encode()), BadInsert), twice
        numbers = f'{start}"revision":1,"revision":2,"text":"{text}"}}'
        assert isinstance(parse(numbers.encode()), BadInsert), numbers
    backslashes = b'{"type":"insert","event_id":"e\\\\","record_id":"r\\\\","revision":1,"revision":2,"text":"x"}'
    assert isinstance(parse(backslashes), BadInsert)


@pytest.mark.parametrize(
    "raw",
    [
        dumps(INSERT),
        dumps({**INSERT, "subject_id": "s", "occurred_at": "t", "label": "ham", "revision": 0}),
        dumps({**INSERT, "subject_id": None, "text": 'a "quoted" word'}),
        with_features('{"1":1,"7":0.5}'),
        with_features("[0,1]"),
        dumps(DELETE),
    ],
)
def test_the_usual_message_is_decoded_once(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("unlearn.events.parsing.scan")

    assert isinstance(parse(raw), Insert | Delete)


@pytest.mark.parametrize("value", [5, "text", [], {}, 1.5, object()])
def test_what_is_no_bytes_is_unreadable(value: Any) -> None:
    assert isinstance(parse(value), Unreadable)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"label": "spam"}, Insert),
        ({}, Insert),
        ({"label": None}, Insert),
        ({"label": "eggs"}, BadInsert),
        ({"label": "eggs", "text": "delete"}, Unreadable),
        ({"text": None, "features": [1, 2, 0, 0]}, Insert),
        ({"text": None, "features": [1, 2, 0, 0, 0]}, BadInsert),
        ({"text": None, "features": {"3": 1}}, Insert),
        ({"text": None, "features": {"4": 1}}, BadInsert),
        ({"text": None, "features": {}}, Insert),
        ({"text": None, "features": [1.5]}, BadInsert),
        ({"text": None, "features": [-1]}, BadInsert),
        ({"text": None, "features": [-0.0]}, Insert),
    ],
)
def test_a_model_refuses_what_it_cannot_learn(fields: dict[str, Any], outcome: type) -> None:
    parser = Parser(("ham", "spam"), 4, counts=True)

    assert type(parser.parse(dumps({**INSERT, **fields}))) is outcome


def test_a_model_that_takes_any_number_takes_fractions() -> None:
    assert isinstance(Parser(("ham", "spam"), 4).parse(with_features("[-1.5]")), Insert)


def test_reasons_name_the_field_and_hold_no_input() -> None:
    assert parse(dumps({**INSERT, "revision": -1})) == BadInsert("revision: must be greater than or equal to 0")
    assert parse(dumps({**INSERT, "text": 7})) == BadInsert("text: must be a valid string")
    forms = "features: must be a list of numbers, or an object of numbers by feature"
    assert [parse(with_features(raw)) for raw in ("5", "true", '"s"')] == [BadInsert(forms)] * 3
    assert parse(with_features("[1,NaN]")) == BadInsert("features: must be a finite number")
    assert parse(b'{"type":"insert"}') == BadInsert("event_id: is missing")
    told = parse(dumps({**DELETE, "forget_within": "s3cret"}))
    assert told == Unreadable("forget_within: not a duration: write seconds, or ISO 8601 such as P30D or PT0.5S")
    for raw in (
        with_features('{"s3cret":1}'),
        dumps({**INSERT, "record_id": "s3cret" * 99}),
        dumps({**INSERT, "revision": "s3cret"}),
        b'{"type":"s3cret"}',
        b'{"s3cret":1,"s3cret":1}',
        b"s3cret",
    ):
        outcome = parse(raw)
        assert isinstance(outcome, BadInsert | Unreadable)
        assert "s3cret" not in outcome.reason

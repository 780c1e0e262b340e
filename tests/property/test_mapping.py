"""Any event of ours, said as a public tool says it, is read as that event again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn.events.event import Delete, Insert, encode
from unlearn.events.parsing import Parser
from unlearn.log.protocol import Entry, Header
from unlearn.mapping.presets import PRESETS
from unlearn.mapping.reading import Reading

IDS = st.text(min_size=1, max_size=40).filter(lambda name: name.isprintable())
TEXTS = st.text(max_size=60)
NUMBERS = st.floats(-1000, 1000).filter(lambda value: value == 0.0 or abs(value) > 1e-6)
FEATURES = st.lists(NUMBERS, max_size=5).map(tuple) | st.dictionaries(st.integers(0, 99), NUMBERS, max_size=5)
WHEN = "2024-05-01T12:00:00Z"

Said = tuple[Any, Any, list[Header]]
"""Key and value, JSON or bytes, and headers."""


@st.composite
def inserts(draw: st.DrawFn) -> Insert:
    content = {"text": draw(TEXTS)} if draw(st.booleans()) else {"features": draw(FEATURES)}
    return Insert(
        event_id=draw(IDS),
        record_id=draw(IDS),
        subject_id=draw(IDS),
        revision=draw(st.integers(0, 2**53 - 1)),
        label=draw(st.none() | IDS),
        **content,
    )


@st.composite
def deletions(draw: st.DrawFn) -> Delete:
    """Of a pair, a record or a subject."""
    record, subject = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    return Delete(
        event_id=draw(IDS),
        record_id=draw(IDS) if record else None,
        subject_id=draw(IDS) if subject else None,
        revision=draw(st.none() | st.integers(0, 99)) if record else None,
        requested_at=WHEN,
    )


def fields(event: Insert | Delete, *without: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(encode(event))
    return {name: value for name, value in said.items() if name not in ("type", *without)}


def structured(event: Insert | Delete) -> Said:
    kind = "com.example.thing." + ("created" if isinstance(event, Insert) else "deleted")
    return None, {"specversion": "1.0", "id": event.event_id, "source": "/x", "type": kind, "data": fields(event)}, []


def binary(event: Insert | Delete) -> Said:
    kind = b"thing.updated.v2" if isinstance(event, Insert) else b"thing.erased"
    headers: list[Header] = [("ce_specversion", b"1.0"), ("ce_id", event.event_id.encode()), ("ce_type", kind)]
    return "a key", fields(event, "event_id"), headers


def changed(event: Insert | Delete) -> Said:
    row, source = fields(event, "event_id"), {"ts_ms": 1, "lsn": 7, "table": "t"}
    if isinstance(event, Insert):
        return {"record_id": event.record_id}, {"op": "u", "before": None, "after": row, "source": source}, []
    return {"record_id": event.record_id}, {"op": "d", "before": row, "after": None, "source": source}, []


def in_envelopes(event: Insert | Delete) -> Said:
    key, value, headers = changed(event)
    return {"schema": {"type": "struct"}, "payload": key}, {"schema": {"type": "struct"}, "payload": value}, headers


def unwrapped(event: Insert | Delete) -> Said:
    said = "true" if isinstance(event, Delete) else "false"
    return {"record_id": event.record_id}, {**fields(event, "event_id"), "__deleted": said}, []


def tracked(event: Insert | Delete) -> Said:
    value = {"messageId": event.event_id, "userId": event.subject_id, "timestamp": WHEN}
    if isinstance(event, Insert):
        return None, {**value, "type": "track", "event": "Said", "properties": fields(event)}, []
    return None, {**value, "type": "delete"}, []


def erasure(event: Insert | Delete) -> Said:
    identity = {"identity_type": "controller_customer_id", "identity_value": event.subject_id, "identity_format": "raw"}
    return (
        None,
        {
            "subject_request_id": event.event_id,
            "subject_request_type": "erasure",
            "submitted_time": WHEN,
            "subject_identities": [identity],
        },
        [],
    )


DIALECTS: list[tuple[str, Callable[[Insert | Delete], Said]]] = [
    ("cloudevents", structured),
    ("cloudevents", binary),
    ("debezium", changed),
    ("debezium", in_envelopes),
    ("debezium", unwrapped),
    ("segment", tracked),
]


def read(preset: str, said: Said) -> Any:
    key, value, headers = said
    raw_key = key.encode() if isinstance(key, str) else None if key is None else json.dumps(key).encode()
    entry = Entry(2, 17, 1_714_564_800_000, raw_key, json.dumps(value).encode(), headers)
    parser = Parser(reading=Reading(PRESETS[preset], "refuse"))
    found = parser.read(entry)
    assert parser.taken(entry) == found
    return found


@pytest.mark.parametrize(("preset", "say"), DIALECTS)
@settings(max_examples=60)
@given(insert=inserts())
def test_an_insert_is_read_as_it_was(preset: str, say: Callable[[Insert | Delete], Said], insert: Insert) -> None:
    told: dict[str, Any] = {"occurred_at": WHEN} if say is tracked else {}
    if preset == "debezium":
        told["event_id"] = "place:2/17"
    expected = Insert.model_validate({**dict(insert), **told})

    found = read(preset, say(insert))

    assert found == expected
    assert encode(found) == encode(expected)


@pytest.mark.parametrize(("preset", "say"), DIALECTS[:2])
@settings(max_examples=60)
@given(deletion=deletions())
def test_a_deletion_is_read_as_it_was(preset: str, say: Callable[[Insert | Delete], Said], deletion: Delete) -> None:
    assert read(preset, say(deletion)) == deletion


@pytest.mark.parametrize(("preset", "say"), DIALECTS[2:5])
@settings(max_examples=60)
@given(deletion=deletions().filter(lambda deletion: deletion.record_id is not None))
def test_a_deleted_row_is_its_record_under_every_subject(
    preset: str, say: Callable[[Insert | Delete], Said], deletion: Delete
) -> None:
    expected = Delete(event_id="place:2/17", record_id=deletion.record_id, requested_at="2024-05-01T12:00:00.000Z")

    assert read(preset, say(deletion)) == expected


@pytest.mark.parametrize(("preset", "say"), [("segment", tracked), ("opendsr", erasure)])
@settings(max_examples=60)
@given(subject=IDS, event=IDS)
def test_a_subject_is_forgotten(preset: str, say: Callable[[Insert | Delete], Said], subject: str, event: str) -> None:
    deletion = Delete(event_id=event, subject_id=subject, requested_at=WHEN)

    assert read(preset, say(deletion)) == deletion


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"earlier"}))
@settings(max_examples=40)
@given(event=inserts() | deletions())
def test_our_own_json_is_read_under_every_mapping(preset: str, event: Insert | Delete) -> None:
    entry = Entry(0, 1, 1_714_564_800_000, None, encode(event), ())

    assert Parser(reading=Reading(PRESETS[preset], "refuse")).read(entry) == event


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"earlier", "plain"}))
@settings(max_examples=40)
@given(event=inserts() | deletions(), said=st.sampled_from(DIALECTS), data=st.data())
def test_what_is_damaged_never_becomes_nothing(
    preset: str, event: Insert | Delete, said: tuple[str, Callable[[Insert | Delete], Said]], data: st.DataObject
) -> None:
    """Whatever the bytes, a message with a value is never an empty offset, and a deletion never an insert."""
    _, value, headers = said[1](event)
    raw = bytearray(json.dumps(value).encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    found = Parser(reading=Reading(PRESETS[preset], "refuse")).read(Entry(0, 1, 1, None, bytes(raw), headers))

    assert type(found).__name__ != "Empty"
    assert not (isinstance(event, Delete) and isinstance(found, Insert))

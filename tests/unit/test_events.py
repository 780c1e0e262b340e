"""The event models: what they take, and what they give away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from unlearn.events.event import (
    MAX_FEATURES,
    MAX_FORGET_WITHIN,
    MAX_ID,
    MAX_INDEX,
    MAX_REVISION,
    MAX_TEXT,
    MAX_VALUE,
    MIN_VALUE,
    Delete,
    Insert,
    Seal,
    encode,
    features_of,
)
from unlearn.results.manifest import Receipt


def insert(**fields: Any) -> Insert:
    content = {} if "features" in fields else {"text": "x"}
    return Insert(**{"event_id": "e", "record_id": "r", **content, **fields})


def delete(**fields: Any) -> Delete:
    return Delete(**{"event_id": "e", "requested_at": "2024-01-01T00:00:00Z", **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"record_id": "r" * MAX_ID, "text": "é" * MAX_TEXT, "revision": MAX_REVISION},
        {"record_id": "\x00", "subject_id": " ", "text": ""},
        {
            "features": (
                0,
                -0.0,
                MAX_VALUE,
                -MAX_VALUE,
                MIN_VALUE,
            )
        },
        {"features": {MAX_INDEX: 1.0}},
        {"features": {"0": 1, "10": 2.5}},
        {"features": (0.0,) * MAX_FEATURES},
        {"features": {}},
    ],
)
def test_an_insert_within_bounds_is_taken(fields: dict[str, Any]) -> None:
    event = insert(**fields)

    assert type(event)(**event.model_dump()) == event


@pytest.mark.parametrize(
    "fields",
    [
        {"record_id": ""},
        {"record_id": "r" * (MAX_ID + 1)},
        {"record_id": 7},
        {"record_id": "\ud800"},
        {"subject_id": ""},
        {"event_id": None},
        {"text": "x" * (MAX_TEXT + 1)},
        {"text": "\udc80"},
        {"revision": -1},
        {"revision": MAX_REVISION + 1},
        {"revision": 1.0},
        {"revision": True},
        {"label": 1},
        {"occurred_at": "x" * 65},
        {"text": None},
        {"text": "x", "features": (1.0,)},
        {"features": (float("nan"),)},
        {"features": (float("inf"),)},
        {"features": (MAX_VALUE * 2,)},
        {"features": (MIN_VALUE / 2,)},
        {"features": (True,)},
        {"features": ("1",)},
        {"features": {"01": 1.0}},
        {"features": {"+1": 1.0}},
        {"features": {"1\n": 1.0}},
        {"features": {"\u0661": 1.0}},
        {"features": {-1: 1.0}},
        {"features": {MAX_INDEX + 1: 1.0}},
        {"features": (0.0,) * (MAX_FEATURES + 1)},
        {"features": "1"},
    ],
)
def test_an_insert_beyond_bounds_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        insert(**fields)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0.0),
        (1.5, 1.5),
        ("P30D", 2592000.0),
        ("PT0.5S", 0.5),
        (MAX_FORGET_WITHIN, MAX_FORGET_WITHIN),
        (None, None),
    ],
)
def test_forget_within_is_seconds_or_a_duration(given: Any, seconds: float | None) -> None:
    assert delete(record_id="r", forget_within=given).forget_within == seconds


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"subject_id": ""},
        {"record_id": "r", "requested_at": None},
        {"record_id": "r", "revision": -1},
        {"record_id": "r", "forget_within": -1},
        {"record_id": "r", "forget_within": float("nan")},
        {"record_id": "r", "forget_within": "soon"},
        {"record_id": "r", "forget_within": "9" * 5000},
        {"record_id": "r", "forget_within": 10**400},
        {"record_id": "r", "forget_within": MAX_FORGET_WITHIN * 2},
        {"record_id": "r", "forget_within": True},
    ],
)
def test_a_delete_beyond_bounds_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        delete(**fields)


def test_events_do_not_change() -> None:
    with pytest.raises(ValidationError):
        insert().record_id = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "fields", [{"record_id": "s3cret" * 99}, {"features": {"s3cret": 1.0}}, {"revision": "s3cret"}]
)
def test_error_texts_hold_no_input(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        insert(**fields)

    told = [(error["type"], error["msg"]) for error in caught.value.errors(include_input=False)]
    assert "s3cret" not in str(told)


def test_encode_writes_compact_json_without_absent_fields() -> None:
    assert encode(insert(label="spam", text="é")) == (
        '{"type":"insert","event_id":"e","record_id":"r","revision":0,"label":"spam","text":"é"}'.encode()
    )
    assert encode(Seal()) == b'{"type":"seal"}'


@pytest.mark.parametrize("features", [(0.0, 2.0, -0.0, 3.0), {"3": 3.0, "1": 2.0, "7": 0.0}, {3: 3, 1: 2, 2: -0.0}])
def test_features_are_sorted_and_without_zeros(features: Any) -> None:
    indices, values = features_of(insert(features=features))

    assert (indices, values) == ([1, 3], [2.0, 3.0])


def test_a_text_has_no_features() -> None:
    assert features_of(insert()) == ([], [])


@pytest.mark.parametrize(
    ("model", "required", "names"),
    [
        (
            Insert,
            {"type", "event_id", "record_id"},
            {"subject_id", "revision", "occurred_at", "label", "text", "features"},
        ),
        (
            Delete,
            {"type", "event_id", "requested_at"},
            {"subject_id", "record_id", "revision", "forget_within"},
        ),
        (Seal, {"type"}, set()),
        (
            Receipt,
            {"event_id", "state", "partition", "offset"},
            {
                *("model", "identity", "applied_at", "records", "requested_at", "accepted_at"),
                *("at", "deadline", "met", "version", "reason"),
            },
        ),
    ],
)
def test_the_schemas_stay_compatible(model: Any, required: set[str], names: set[str]) -> None:
    """What was once optional stays so, what was once taken too; unknown fields are allowed."""
    schema = model.model_json_schema()

    assert set(schema["required"]) == required
    assert required | names <= set(schema["properties"])
    assert "additionalProperties" not in schema
    json.dumps(schema)

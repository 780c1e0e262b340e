from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from unlearn.results.manifest import (
    Heartbeat,
    Manifest,
    ShardEntry,
    TokenField,
    heartbeat_key,
    manifest_key,
    read_heartbeat,
    read_manifest,
    read_receipt,
)

LARGEST = 2**53 - 1


def _manifest(**changed: object) -> Manifest:
    entry = ShardEntry(
        shard=0,
        through=10,
        status="current",
        rows=3,
        lineage="0" * 32,
        digest="a" * 64,
        file="0/0/state/x",
        size=9,
    )
    values: dict[str, Any] = {
        "model": "demo",
        "identity": "b" * 64,
        "partition": 1,
        "token": TokenField(counter=2, nonce="c" * 32),
        "sequence": 7,
        "applied": 12,
        "erased_through": 4,
        "created_at": 1_700_000_000_000,
        "learner": "naive-bayes",
        "profile": "",
        "shards": (entry,),
    }
    return Manifest(**(values | changed))


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert read_manifest(_manifest().encode()) == _manifest()


def test_equal_manifests_have_equal_bytes() -> None:
    assert read_manifest(_manifest().encode()).encode() == _manifest().encode()  # type: ignore[union-attr]


def test_manifests_order_by_counter_then_sequence() -> None:
    older, newer = _manifest(sequence=9), _manifest(sequence=1, token=TokenField(counter=3, nonce="0" * 32))

    assert older.order < newer.order
    assert _manifest(sequence=8).order > _manifest(sequence=7).order


def test_a_manifest_has_an_empty_place_for_its_signature() -> None:
    assert json.loads(_manifest().encode())["signature"] == ""


def test_unknown_fields_are_passed_over() -> None:
    later = json.loads(_manifest().encode()) | {"added_later": 1}

    assert read_manifest(json.dumps(later).encode()) == _manifest()


@pytest.mark.parametrize(
    "changed",
    [
        {"applied": -1},
        {"applied": 2**53},
        {"applied": 1.5},
        {"applied": "12"},
        {"sequence": 0},
        {"identity": "B" * 64},
        {"identity": "b" * 64 + "\n"},
        {"token": {"counter": 1, "nonce": "c" * 31}},
        {"shards": [{"shard": 0}]},
        {"partition": None},
    ],
)
def test_what_is_no_manifest_is_none(changed: dict[str, object]) -> None:
    assert read_manifest(json.dumps(json.loads(_manifest().encode()) | changed).encode()) is None


@pytest.mark.parametrize("value", [b"", b"\xff", b"null", b"[]", b"{", b"[" * 100_000, b"1" * 10_000])
def test_any_bytes_are_read_without_an_error(value: bytes) -> None:
    assert read_manifest(value) is None
    assert read_heartbeat(value) is None


def test_a_heartbeat_stays_below_300_bytes() -> None:
    beat = Heartbeat(counter=LARGEST, nonce="f" * 32, sequence=LARGEST)

    assert read_heartbeat(beat.encode()) == beat
    assert len(beat.encode()) + len(heartbeat_key("m" * 63, 9_999)) < 300


def test_keys_tell_manifests_from_heartbeats() -> None:
    assert manifest_key("demo", 3) == b"demo/3"
    assert heartbeat_key("demo", 3) == b"demo/3/heartbeat"


def test_messages_are_frozen() -> None:
    with pytest.raises(ValidationError):
        _manifest().applied = 0  # type: ignore[misc]


@pytest.mark.parametrize("state", ["accepted", "hidden", "refused"])
def test_a_receipt_of_an_earlier_release_is_read(state: str) -> None:
    """It had six fields."""
    said = {"event_id": "e", "state": state, "partition": 1, "offset": 2, "version": 7, "reason": None}

    found = read_receipt(json.dumps(said).encode())

    assert found is not None
    assert {name: value for name, value in found.model_dump().items() if value is not None} == {
        name: value for name, value in said.items() if value is not None
    }


def test_a_receipt_of_a_later_release_is_read_as_far_as_it_is_known() -> None:
    found = read_receipt(b'{"event_id":"e","state":"erased","partition":1,"offset":2,"witness":"w"}')

    assert found is not None
    assert found.state == "erased"

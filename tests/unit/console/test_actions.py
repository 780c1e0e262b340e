"""What a page may ask for: only what there is, as it was shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness.console import tables
from unlearn.console.actions import ACTIONS, read_action, requests_of
from unlearn.errors import InputInvalid
from unlearn.partition.receipts.pending import Pending
from unlearn.partition.tables import Crash, OpenRange, Tables, Unresolved


def view(**meta: Any) -> Tables:
    return tables(
        meta={"owner": "host:17", "token": "3:ff", "applied": 50, **meta},
        crashes={2: Crash(3, 10), 1: Crash(1, 10)},
        unresolved={8: Unresolved("not JSON", 99, 9)},
        open_ranges={20: OpenRange("no label", 99, 9, 40, 11, "20 9 11 1")},
    )


def asked(kind: str, **body: Any) -> dict[int, dict[str, str]]:
    action = read_action(kind, json.dumps(body).encode())
    return {p: dict(fields) for p, fields in requests_of(action, {0: view(), 1: view()}, stands_at=50).items()}


def test_each_is_written_as_the_command_line_writes_it() -> None:
    close = {"partition": 1, "first": 8, "last": 8, "reason": "not JSON", "verdict": "none"}
    assert asked("retry", partition=0, shard=2) == {0: {"retry:2": ""}}
    assert asked("resolve", **close) == {1: {"resolve:8": "none"}}
    assert asked("resolve", **close | {"first": 20, "last": 40, "reason": "no label", "verdict": "sent"}) == {
        1: {'resolve:20-40:"no label"': "sent"}
    }
    assert asked("step-over", partition=0, offset=50, verdict="none") == {0: {"resolve:50": "none"}}
    assert asked("quiet", worker="host:17") == {0: {"quiet": "3"}, 1: {"quiet": "3"}}
    assert asked("resume", worker="host:17") == {0: {"resume": "3"}, 1: {"resume": "3"}}


def test_what_opens_later_within_a_row_is_not_closed_with_it() -> None:
    shown = {"partition": 1, "first": 20, "last": 40, "reason": "no label", "verdict": "sent"}
    held = tables(
        meta={"applied": 50},
        open_ranges={20: OpenRange("no label", 99, 9, 40, 10, "20 9 11 1")},
        pending={30: Pending(9, 99)},
    )

    requests = requests_of(read_action("resolve", json.dumps(shown).encode()), {1: held})

    assert requests == {1: dict.fromkeys(('resolve:20-28:"no label"', 'resolve:40-40:"no label"'), "sent")}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("retry", {"partition": 0, "shard": 1}),
        ("resolve", {"partition": 0, "first": 9, "last": 9, "reason": "not JSON", "verdict": "none"}),
        ("resolve", {"partition": 0, "first": 8, "last": 8, "reason": "another", "verdict": "none"}),
        ("resolve", {"partition": 0, "first": 20, "last": 99, "reason": "no label", "verdict": "none"}),
        ("step-over", {"partition": 0, "offset": 51, "verdict": "none"}),
        ("quiet", {"worker": "host:18"}),
    ],
)
def test_what_is_not_there_any_more_is_refused(kind: str, body: dict[str, Any]) -> None:
    with pytest.raises(InputInvalid):
        asked(kind, **body)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"partition": -1, "shard": 0}', b'{"partition": "0", "shard": 0}']
)
def test_nonsense_is_refused_and_not_quoted(body: bytes) -> None:
    with pytest.raises(InputInvalid):
        read_action("retry", body)


@pytest.mark.parametrize("kind", ACTIONS)
def test_unknown_fields_are_refused(kind: str) -> None:
    with pytest.raises(InputInvalid):
        read_action(kind, b'{"more": 1}')

"""Receipts are written without their model, and hold the same bytes; what they say follows from what is kept."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn.partition.receipts.answers import Addressee, Answers
from unlearn.partition.receipts.pending import LATER, Pending, Uncounted
from unlearn.results.manifest import Receipt
from unlearn.timestamps import parse_timestamp

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NUMBERS = st.integers(0, 2**53)
TIMES = st.integers(-(2**60), 2**60)
ANSWERS = Answers("mail", "ab" * 32)
TO = Addressee("d", 3, 70, parse_timestamp("2024-02-29T01:00:00.5+02:00"), (1, 9))
HELD = Pending(1000, 61_000, accepted=2000, killed=4, records=4, version=88, hidden_at=61_000)

addressees = st.builds(Addressee, IDS, NUMBERS, NUMBERS, st.none() | TIMES, st.none() | st.tuples(NUMBERS, NUMBERS))
held = st.builds(
    Pending,
    TIMES,
    TIMES,
    accepted=st.none() | TIMES,
    killed=st.none() | NUMBERS,
    records=st.none() | NUMBERS,
    version=st.none() | NUMBERS,
    hidden_at=st.none() | TIMES,
)


def said(written: tuple[bytes, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written[1])
    return found


@given(addressees, held, IDS, TIMES)
def test_a_receipt_is_written_as_its_model_writes_it(to: Addressee, one: Pending, reason: str, at: int) -> None:
    for key, value in (
        ANSWERS.accepted(to, one),
        ANSWERS.last(to, one),
        ANSWERS.refused(to, reason, at, at),
        ANSWERS.refused(to, reason, None, None),
    ):
        assert key == to.event_id.encode()
        assert Receipt.model_validate_json(value).encode() == value


def test_every_character_of_an_id_is_written_as_the_model_writes_it() -> None:
    apart = [chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000] + list("\uffff\U0001f600\U0010ffff")
    for event_id in [*apart, *map("".join, product('"\\/\n\x00\x1f\x7f\u2028', repeat=2))]:
        value = ANSWERS.accepted(TO._replace(event_id=event_id), HELD)[1]
        assert Receipt.model_validate_json(value).encode() == value
        assert json.loads(value)["event_id"] == event_id


def test_a_hidden_receipt_tells_all_that_is_known() -> None:
    assert said(ANSWERS.last(TO, HELD)) == {
        "event_id": "d",
        "state": "hidden",
        "model": "mail",
        "identity": "ab" * 32,
        "partition": 3,
        "offset": 70,
        "applied_at": {"partition": 1, "offset": 9},
        "records": 4,
        "requested_at": "2024-02-28T23:00:00.500Z",
        "accepted_at": "1970-01-01T00:00:02.000Z",
        "at": "1970-01-01T00:01:01.000Z",
        "deadline": "1970-01-01T00:01:01.000Z",
        "met": True,
        "version": 88,
        "reason": None,
    }


def test_an_accepted_receipt_tells_nothing_that_came_later() -> None:
    """It may be sent again after the deletion is hidden, and must say the same as before."""
    before = HELD._replace(version=None, hidden_at=None)

    assert ANSWERS.accepted(TO, HELD) == ANSWERS.accepted(TO, before)
    told = said(ANSWERS.accepted(TO, HELD))
    assert (told["at"], told["met"], told["version"]) == ("1970-01-01T00:00:02.000Z", None, None)


@pytest.mark.parametrize(
    ("copies", "killed", "told"), [(None, 4, 4), (None, 0, 0), (None, LATER, None), ({"1": 7}, 4, None)]
)
def test_an_accepted_receipt_tells_a_count_that_was_known_at_once(
    copies: dict[str, int] | None, killed: int, told: int | None
) -> None:
    one = HELD._replace(copies=copies, killed=killed)

    assert said(ANSWERS.accepted(TO, one))["records"] == told
    assert said(ANSWERS.accepted(TO, one._replace(records=None)))["records"] == told


def test_of_a_deletion_from_before_no_time_is_made_up() -> None:
    accepted = said(ANSWERS.accepted(TO, Pending(1000, 61_000)))
    assert (accepted["accepted_at"], accepted["at"], accepted["records"]) == (None, None, None)

    hidden = said(ANSWERS.last(TO, Pending(1000, 61_000, version=9, hidden_at=61_001)))
    assert (hidden["accepted_at"], hidden["at"], hidden["met"]) == (None, "1970-01-01T00:01:01.001Z", False)


def test_a_refused_one_was_applied_nowhere() -> None:
    told = said(ANSWERS.refused(TO._replace(applied_at=None), "why", 5, 6))

    assert {name for name, value in told.items() if value is None} == {
        "applied_at",
        "records",
        "accepted_at",
        "met",
        "version",
    }
    assert told["reason"] == "why"
    assert (told["at"], told["deadline"]) == ("1970-01-01T00:00:00.005Z", "1970-01-01T00:00:00.006Z")


def test_hidden_deletions_wait_for_their_counts_and_then_their_last_receipts_are_due() -> None:
    subject = HELD._replace(killed=LATER, records=None)
    copied = HELD._replace(copies={"1": 7}, records=None)
    found = Uncounted({1: subject, 2: copied, 3: HELD})
    assert (found.counted, found.copied) == ({3: HELD}, {2: copied})

    found.put([(1, subject._replace(records=5)), (2, copied._replace(killed=None)), (3, None)])

    assert found.counted == {1: subject._replace(records=5), 2: copied._replace(killed=None)}
    assert found.copied == {}

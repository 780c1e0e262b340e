"""What is requested to close possible deletions: all that was named, nothing else, and as little as does it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn.operator_requests.places import OpenPlaces, Places, requests_to_close
from unlearn.partition.offset_runs import runs_of
from unlearn.partition.open_ranges import put_range
from unlearn.partition.receipts.pending import Pending
from unlearn.partition.tables import Change, OpenRange, Tables, Unresolved

REASONS = ("not JSON", "no date")


def view_of(held: dict[int, str], apart: int) -> Tables:
    """The possible deletions (offset -> reason): below `apart` as ranges, the others as entries of their own."""
    change = Change()
    for reason in REASONS:
        gathered = [offset for offset, one in held.items() if one == reason and offset < apart]
        if gathered:
            put_range(change, OpenRange(reason, 1, 1, 0, 0, ""), runs_of(gathered))
    for offset, reason in held.items():
        if offset >= apart:
            change.put("unresolved", offset, Unresolved(reason, 1, 1))
    view = Tables({})
    view.apply(change, 1000)
    return view


def closed_by(field: str, held: dict[int, str]) -> set[int]:
    """The open offsets that a request closes, read by rules of this test's own."""
    _, places, *reason = field.split(":", 2)
    first, _, last = places.partition("-")
    means = json.loads(reason[0]) if reason else None
    return {at for at, one in held.items() if int(first) <= at <= int(last or first) and means in (None, one)}


offsets = st.integers(0, 60)
named = st.lists(st.tuples(offsets, offsets, st.sampled_from([None, *REASONS])), max_size=12)


@given(st.dictionaries(offsets, st.sampled_from(REASONS)), offsets, named)
def test_what_is_named_is_closed_and_nothing_else(
    held: dict[int, str], apart: int, named: list[tuple[int, int, str | None]]
) -> None:
    places = [Places(3, min(a, b), max(a, b), reason) for a, b, reason in named]
    open_places = OpenPlaces(view_of(held, apart))

    requests = requests_to_close(places, {3: open_places}, "none").get(3, {})

    due = {at for p in places for at, one in held.items() if p.first <= at <= p.last and p.reason in (None, one)}
    assert set().union(*(closed_by(field, held) for field in requests)) == due
    assert set(requests.values()) <= {"none"}
    assert [open_places.hold(p) for p in places] == [
        any(p.first <= at <= p.last and p.reason in (None, one) for at, one in held.items()) for p in places
    ]


def test_a_list_of_all_that_are_open_of_a_reason_is_one_request() -> None:
    held = {at: REASONS[at % 2] for at in range(1000)}
    places = [Places(0, at, at, REASONS[0]) for at in range(0, 1000, 2)]

    requests = requests_to_close(places, {0: OpenPlaces(view_of(held, 800))}, "sent")

    assert requests == {0: {'resolve:0-998:"not JSON"': "sent"}}
    del places[250]
    assert len(requests_to_close(places, {0: OpenPlaces(view_of(held, 800))}, "sent")[0]) == 2


@pytest.mark.parametrize("reason", [None, REASONS[0]])
def test_what_opens_after_the_request_was_made_is_not_closed_by_it(reason: str | None) -> None:
    held = dict.fromkeys((2, 5, 9, 12), REASONS[0])
    view, change = view_of(held, 6), Change()
    change.put("outbox", 3, ["copies"])
    change.put("pending", 7, Pending(1, 1))
    change.put("outbox", 10, ["dead", "a bad insert"])
    view.apply(change, 1000)
    places = [Places(0, 0, 20, reason)]

    requests = requests_to_close(places, {0: OpenPlaces(view)}, "none")[0]

    later = held | {3: REASONS[0], 7: REASONS[0]}
    assert set().union(*(closed_by(field, later) for field in requests)) == set(held)
    assert len(requests) == 3

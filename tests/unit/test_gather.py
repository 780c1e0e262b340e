"""A flood of possible deletions: each stays open, and all of them together stay small."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from unlearn.forwarding.dues import DEAD, Letter
from unlearn.operator_requests.plan import plan_requests
from unlearn.operator_requests.requests import resolve, resolve_range
from unlearn.partition import open_ranges
from unlearn.partition.open_ranges import gathered
from unlearn.partition.tables import Change, Tables, Unresolved, encode_value


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_ranges, "_APART", 10)
    monkeypatch.setattr(open_ranges, "AT_ONCE", 10)
    monkeypatch.setattr(open_ranges, "_MOST_RUNS", 20)


def flooded(offsets: Iterable[int], reasons: tuple[str, ...] = ("junk",)) -> Tables:
    """One after the other is left open, and gathered as the owner does."""
    view = Tables({})
    for number, offset in enumerate(offsets):
        change = Change()
        change.put("unresolved", offset, Unresolved(reasons[number % len(reasons)], 1000 + offset, 100 + offset))
        view.apply(change, offset + 1)
        gather_all(view)
    return view


def gather_all(view: Tables) -> None:
    for _ in range(1000):
        if (change := gathered(view)) is None:
            return
        view.apply(change, view.applied)
    raise AssertionError("it never comes to an end")


def apart(view: Tables) -> int:
    return len(view.unresolved)


@pytest.mark.parametrize("step", [1, 2, 7])
@pytest.mark.parametrize("reasons", [("junk",), ("junk", "other")])
def test_gathered_deletions_stay_open_at_their_own_offsets(step: int, reasons: tuple[str, ...]) -> None:
    offsets = range(0, 300 * step, step)

    view = flooded(offsets, reasons)

    assert [offset for offset in range(300 * step) if view.is_open(offset)] == list(offsets)
    assert sum(held.total for held in view.still_open()) == 300
    assert {held.reason for held in view.still_open()} == set(reasons)


def test_those_side_by_side_cost_no_more_than_a_few() -> None:
    many = flooded(range(2000))

    assert apart(many) <= 20
    assert len(many.open_ranges) == 1
    assert len(encode_value(next(iter(many.open_ranges.values())))) < 100


def test_those_that_lie_apart_cost_a_few_bytes_each() -> None:
    view = flooded(range(0, 4000, 2))

    assert apart(view) <= 20
    assert sum(len(encode_value(held)) for held in view.open_ranges.values()) < 2000 * 8


def test_a_range_has_the_clock_of_its_earliest() -> None:
    view = flooded(range(50, 150))

    (held,) = view.open_ranges.values()
    assert (held.since, held.deadline) == (150, 1050)


def test_a_gathered_deletion_without_a_deadline_is_overdue() -> None:
    view = Tables({})
    change = Change()
    for offset in range(20):
        change.put("unresolved", offset, Unresolved("junk", 0) if offset == 3 else Unresolved("junk", 1000, 100))
    view.apply(change, 20)
    gather_all(view)

    (held,) = view.open_ranges.values()
    assert (held.since, held.deadline) == (100, 0)


def test_a_deletion_that_still_owes_a_message_is_not_gathered() -> None:
    view, change = Tables({}), Change()
    for offset in range(30):
        change.put("unresolved", offset, Unresolved("junk", 1000, 100))
    change.put("outbox", 0, Letter("junk").due())
    view.apply(change, 30)
    gather_all(view)

    assert 0 in view.unresolved
    assert apart(view) < 20


def test_old_entries_by_the_thousand_are_gathered_too() -> None:
    view, change = Tables({}), Change()
    for offset in range(500):
        change.put("unresolved", offset, Unresolved("junk", 1000, 100))
    view.apply(change, 500)
    gather_all(view)

    assert apart(view) < 20
    assert all(map(view.is_open, range(500)))


# -- closing


def close(view: Tables, *wishes: tuple[str, str]) -> int:
    """As the owner does, until nothing more is done. Returns the number of scripts."""
    left, scripts = dict(wishes), 0
    while left:
        done = plan_requests(view, left)
        assert done.fields or done.change.tables, "nothing goes on"
        view.apply(done.change, view.applied)
        sent = Change()
        for offset in list(view.outbox):
            sent.drop("outbox", offset)
        view.apply(sent, view.applied)
        left = {name: verdict for name, verdict in left.items() if name not in done.fields}
        scripts += 1
        assert scripts < 1000, "it never comes to an end"
    return scripts


def open_in(view: Tables, stop: int) -> list[int]:
    return [offset for offset in range(stop) if view.is_open(offset)]


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize(("first", "last"), [(0, 10**6), (57, 57), (60, 123), (0, 60), (200, 10**6), (58, 58)])
def test_a_range_closes_all_that_is_open_in_it_and_nothing_else(step: int, first: int, last: int) -> None:
    offsets = list(range(0, 100 * step, step))
    view = flooded(offsets)

    close(view, resolve_range(first, last, None, "none"))

    left = [offset for offset in offsets if not first <= offset <= last]
    assert open_in(view, 100 * step) == left
    assert view.number("resolved") == len(offsets) - len(left)


def test_one_reason_is_closed_and_the_other_stays() -> None:
    view = flooded(range(200), ("junk", "other"))

    close(view, resolve_range(0, 199, "junk", "none"))

    assert open_in(view, 200) == list(range(1, 200, 2))
    assert {held.reason for held in view.still_open()} == {"other"}


def test_one_place_within_a_range_is_closed() -> None:
    view = flooded(range(100))

    close(view, resolve(50, "none"), resolve(7, "sent"), resolve(8, "sent"))

    assert open_in(view, 100) == [offset for offset in range(100) if offset not in (7, 8, 50)]
    assert view.number("resolved") == 3


def test_many_places_within_ranges_are_closed_by_few_scripts() -> None:
    view = flooded(range(100), ("junk", "other"))
    wishes = [resolve_range(at, at + 1, None, "none") for at in range(0, 60, 4)]

    scripts = close(view, *wishes, resolve(50, "sent"), resolve_range(1, 40, "other", "sent"))

    closed = {50, *range(1, 41, 2), *(at + more for at in range(0, 60, 4) for more in (0, 1))}
    assert open_in(view, 100) == [offset for offset in range(100) if offset not in closed]
    assert view.number("resolved") == len(closed)
    assert scripts <= 2


def test_wishes_that_overlap_close_each_place_once() -> None:
    view = flooded(range(100))

    close(view, resolve(95, "none"), resolve_range(40, 99, None, "none"), resolve_range(0, 60, None, "sent"))

    assert open_in(view, 100) == []
    assert view.number("resolved") == 100


def test_a_range_is_closed_in_scripts_of_bounded_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.operator_requests.plan.AT_ONCE", 5)
    view = flooded(range(100), ("a", "b", "c"))
    before = len(view.unresolved) + len(view.open_ranges)

    scripts = close(view, resolve_range(0, 99, None, "none"))

    assert scripts >= before / 5
    assert open_in(view, 100) == []


def test_a_letter_tells_of_all_that_a_range_held() -> None:
    view = flooded(range(100))
    (first,) = view.open_ranges
    held = view.open_ranges[first]

    done = plan_requests(view, dict([resolve_range(0, 99, None, "none")]))

    assert done.change.tables["outbox"][first][0] == DEAD
    letter = Letter.of(done.change.tables["outbox"][first])
    assert (letter.last, letter.total) == (held.last, held.total)


NESTED = "resolve:1-2:" + "[" * 9999


@pytest.mark.parametrize(
    "field", ["resolve:1-", "resolve:-1", "resolve:1-2:x", 'resolve:1-2:["a"]', NESTED, "resolve:60-40"]
)
def test_a_range_that_is_none_is_done_with(field: str) -> None:
    view = flooded(range(100))

    done = plan_requests(view, {field: "none"})

    assert (done.fields, done.closed) == ([field], 0)

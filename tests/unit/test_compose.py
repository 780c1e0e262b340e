"""What a manifest says of a shard, and when one is due."""

from __future__ import annotations

from typing import Any

import pytest

from unlearn.partition.slices.lineage import EMPTY
from unlearn.partition.tables import Change, Slice, State, Tables
from unlearn.publishing.compose import Timing, Urgency, clean_at, due, entries
from unlearn.results.manifest import ShardEntry

NOTHING = "0" * 64
USUAL = Urgency("auto", 0.3, 0.2, 60.0)


def view_of(
    slices: dict[int, str | None], states: dict[int, State], hit: int = 0, others: tuple[int, ...] = ()
) -> Tables:
    """Shard 0 with slices: end -> file; slices of shard 1 that end elsewhere."""
    change = Change()
    for end, file in slices.items():
        change.put("slices", (0, end), Slice(1, 1, -1, file, 1))
    for end in others:
        change.put("slices", (1, end), Slice(1, 1, -1, "other", 1))
    for through, state in states.items():
        change.put("states", (0, through), state)
    if hit:
        change.put("hits", 0, hit)
    view = Tables({})
    view.apply(change, 50)
    return view


def only(view: Tables, forgets: bool = False) -> ShardEntry:
    return entries(view, 1, forgets, NOTHING)[0]


def state(applied: int, rows: int = 2) -> State:
    return State(applied, f"file-{applied}", "d" * 64, "e" * 32, rows, 9)


def test_the_newest_state_is_current_at_the_last_end() -> None:
    entry = only(view_of({10: "a", 20: "b"}, {10: state(12), 20: state(25)}))

    assert (entry.through, entry.status, entry.file, entry.rows) == (20, "current", "file-25", 2)


def test_a_shard_with_slices_still_to_be_learned_is_behind() -> None:
    assert only(view_of({10: "a", 20: None}, {10: state(12)})).status == "behind"
    assert only(view_of({10: "a", 20: None}, {10: state(12)})).through == 10


def test_ends_without_rows_of_the_shard_are_reached() -> None:
    entry = only(view_of({10: "a", 20: ""}, {10: state(12)}, others=(15, 30)))

    assert (entry.through, entry.status) == (30, "current")


def test_a_fold_hit_stands_at_its_clean_prefix() -> None:
    entry = only(view_of({10: "a", 20: "b"}, {10: state(12)}, hit=40))

    assert (entry.through, entry.status) == (10, "withdrawn")


def test_without_a_clean_state_the_shard_is_left_out() -> None:
    entry = only(view_of({10: "a"}, {}, hit=40))

    assert (entry.through, entry.status, entry.rows, entry.digest, entry.lineage) == (0, "left-out", 0, NOTHING, EMPTY)
    assert only(view_of({10: "a"}, {})).status == "behind"


def test_a_shard_without_rows_is_empty() -> None:
    assert only(view_of({}, {})).status == "empty"
    assert only(view_of({10: "a"}, {10: state(12, rows=0)})).status == "empty"


@pytest.mark.parametrize(("applied", "valid"), [(39, False), (40, True), (41, True)])
def test_a_state_that_forgets_is_valid_from_its_hit_on(applied: int, valid: bool) -> None:
    view = view_of({10: "a"}, {10: state(applied)}, hit=40)

    entry = only(view, forgets=True)

    assert (entry.status == "current") is valid
    assert clean_at(view, entry, forgets=True) == (applied if valid else 50)
    assert clean_at(view, entry, forgets=False) == 50


@pytest.mark.parametrize(
    ("changes", "is_due"),
    [
        ({}, True),
        ({"since_last": None, "changed": False}, True),
        ({"since_last": 0.1}, False),
        ({"changed": False, "advanced": False}, False),
        ({"changed": False}, False),
        ({"changed": False, "since_last": 1.0}, True),
        ({"unhidden": 0.0, "changed": False}, True),
        ({"unhidden": 0.0, "recovering": True}, False),
        ({"unhidden": 0.3, "recovering": True}, True),
    ],
)
def test_a_manifest_is_due(changes: dict[str, Any], is_due: bool) -> None:
    timing = Timing(0.5, None, recovering=False, changed=True, advanced=True)._replace(**changes)

    assert due(timing, USUAL) is is_due


@pytest.mark.parametrize(("withdraw", "unhidden"), [("always", 0.0), ("never", 60.0)])
def test_withdrawal_is_a_matter_of_the_settings(withdraw: Any, unhidden: float) -> None:
    urgency = USUAL._replace(withdraw=withdraw)
    timing = Timing(0.5, unhidden, recovering=True, changed=True, advanced=True)

    assert due(timing, urgency)
    assert not due(timing._replace(unhidden=unhidden - 0.1), urgency)

"""The mirror of Redis: what a change writes is what a reader finds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn.partition.tables import (
    Change,
    Cleanup,
    Open,
    OpenRange,
    Pending,
    Slice,
    State,
    Tables,
    Unresolved,
    encode_value,
    slice_start,
)


def stored(change: Change) -> dict[str, dict[bytes, bytes]]:
    """What Redis holds after the change's commands."""
    hashes: dict[str, dict[bytes, bytes]] = {}
    for name, key, *rest in change.commands(str):
        held = hashes.setdefault(str(key), {})
        words = [word if isinstance(word, bytes) else word.encode() for word in rest]
        if name == "HSET":
            held.update(zip(words[::2], words[1::2], strict=True))
        else:
            for word in words:
                held.pop(word, None)
    return hashes


ROWS: list[tuple[str, Any, Any]] = [
    ("meta", "deletes", "3"),
    ("slices", (1, 20), Slice(2**127, 3, 17, "1/1/slice/x", 3)),
    ("hits", 1, 18),
    ("open", 0, Open(5, 1, -1, 2)),
    ("states", (1, 20), State(25, "f", "d" * 64, "e" * 32, 3, 100)),
    ("cleanups", "ab" * 16, Cleanup(30, 1, 20)),
    ("outbox", 31, ["accepted", "copies"]),
    ("pending", 31, Pending(1_700_000_000_123_456, 5, {"1": 7})),
    ("unresolved", 32, Unresolved("not JSON", 9)),
    ("open_ranges", 10, OpenRange("not JSON", 9, 8, 20, 3, "10 2 8 1")),
]


def test_what_is_written_is_read_back_and_is_what_the_mirror_holds() -> None:
    change = Change()
    for table, key, value in ROWS:
        change.put(table, key, value)
    mirror = Tables({})

    mirror.apply(change, 33)

    read = Tables(stored(change))
    for table, key, value in ROWS:
        assert read._tables[table] == {key: value} or table == "meta"
        assert mirror._tables[table][key] == value
    assert read.ends == mirror.ends == [20]


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(VALUES, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner))


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON) | st.builds(Pending, st.integers(), st.integers(), JSON))
def test_lists_and_objects_stand_in_redis_as_json_without_spaces(value: object) -> None:
    assert encode_value(value) == json.dumps(value, separators=(",", ":"))


def test_what_is_dropped_is_gone() -> None:
    change, gone = Change(), Change()
    change.put("hits", 1, 2)
    gone.drop("hits", 1)
    view = Tables(stored(change))

    view.apply(gone, 5)

    assert view.hits == {}
    assert gone.commands(str) == [("HDEL", "hits", "1")]


def test_a_write_counts_and_moves_applied() -> None:
    view = Tables({"meta": {b"applied": b"4", b"writes": b"9"}})

    view.apply(Change(), 7)

    assert (view.applied, view.writes) == (7, 10)


def test_no_command_has_more_than_a_thousand_pairs() -> None:
    change = Change(ops=[("HSET", "r:1", "x", "y")])
    for key in range(2001):
        change.put("hits", key, 1)
        change.drop("pending", key)

    commands = change.commands(str)

    assert [len(command) - 2 for command in commands] == [2000, 2000, 2, 1000, 1000, 1, 2]
    assert commands[-1] == ("HSET", "r:1", "x", "y")


@pytest.mark.parametrize(("slot", "start"), [(0, 0), (9, 0), (10, 10), (14, 10), (15, 15), (99, 15)])
def test_a_slots_slice_starts_at_the_last_end_before_it(slot: int, start: int) -> None:
    assert slice_start([10, 15], slot) == start


@pytest.mark.parametrize(("slot", "end"), [(0, 10), (9, 10), (10, 15), (15, None)])
def test_a_slots_slice_ends_at_the_next_end(slot: int, end: int | None) -> None:
    view = Tables({})
    view.ends = [10, 15]

    assert view.end_of(slot) == end


def test_ends_after_an_offset_leave_itself_out() -> None:
    view = Tables({})
    view.ends = [10, 15, 20]

    assert view.ends_after(10) == [15, 20]
    assert view.ends_after(0) == [10, 15, 20]


def test_slices_and_states_of_a_shard_come_in_order() -> None:
    change = Change()
    for end in (20, 10):
        change.put("slices", (0, end), Slice(live=end))
        change.put("states", (0, end), State(end, "", ""))
        change.put("states", (1, end), State(end, "", ""))
    view = Tables(stored(change))

    assert [end for end, _ in view.of_shard(0).after()] == [10, 20]
    assert [through for through, _ in view.shard_states(0)] == [10, 20]

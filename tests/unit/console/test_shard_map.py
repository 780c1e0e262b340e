"""The map of shards by slices, of tables made by hand."""

from __future__ import annotations

from tests.harness.console import tables
from unlearn.admin.status.partition_status import ShardStatus
from unlearn.console.shown.shard_map import map_of, most_columns
from unlearn.partition.tables import Open, Slice, State


def held(live: int, rows: int, first_death: int = -1) -> Slice:
    return Slice(sum=live, live=live, last_death=first_death, file="f", rows=rows, first_death=first_death)


def shard(number: int = 0, through: int = 0) -> ShardStatus:
    return ShardStatus(number, "current", 0, 0, 0, through)


def test_a_column_says_what_lives_what_died_what_is_learned_and_kept() -> None:
    slices = {
        (0, 10): held(5, 5),
        (0, 20): held(3, 4, 25),
        (0, 30): held(2, 2),
        (0, 40): held(0, 3, 26),
        (1, 30): held(1, 1),
    }
    states = {(0, 10): State(10, "a", "d"), (0, 20): State(20, "b", "d")}
    view = tables(slices=slices, states=states, open={0: Open(sum=1, live=4, accepted=5, first_death=44)})

    drawn = map_of(7, view, [shard(0, through=20), shard(1, through=40)], 48)

    first, second = drawn.shards
    assert drawn.columns == ((10, 10, 1), (20, 20, 1), (30, 30, 1), (40, 40, 1))
    assert (first.cells, first.holes, first.checkpoints) == ("llwd", ".h.h", "1100")
    assert (first.live, first.dead) == ((5, 3, 2, 0), (0, 1, 0, 3))
    assert (first.waiting, first.open_holes) == (4, True)
    assert (second.cells, second.live, second.waiting) == ("..l.", (0, 0, 1, 0), 0)


def test_slices_of_many_are_drawn_together_and_none_is_lost() -> None:
    ends = range(10, 10_010, 10)
    slices = {(0, end): held(1, 2, 10_020) for end in ends}
    states = {(0, 10_000): State(1, "a", "d"), (0, 9_990): State(1, "a", "d")}
    view = tables(slices=slices, states=states)

    drawn = map_of(0, view, [shard(through=9_990)], 48)

    (only,) = drawn.shards
    assert len(drawn.columns) == len(only.cells) == 48
    assert drawn.columns[0][0] == 10
    assert drawn.columns[-1][1] == 10_000
    assert sum(many for _, _, many in drawn.columns) == sum(only.live) == sum(only.dead) == 1000
    assert {many for _, _, many in drawn.columns} <= {20, 21}
    assert only.checkpoints == "0" * 47 + "2"
    assert only.cells == "l" * 47 + "w", "a column is learned only if all of it is"


def test_a_shard_without_slices_is_a_row_all_the_same() -> None:
    drawn = map_of(0, tables(), [shard()], 48)
    assert (drawn.columns, drawn.shards[0].cells, drawn.shards[0].waiting) == ((), "", 0)


def test_many_shards_have_fewer_columns() -> None:
    assert [most_columns(count) for count in (0, 1, 62, 100, 1000)] == [48, 48, 48, 30, 12]

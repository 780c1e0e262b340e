"""What is kept up with each change of the tables is what the tables themselves give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from unlearn.partition.slices.lineage import EMPTY, chain
from unlearn.partition.slices.prefix_sums import PrefixSums
from unlearn.partition.slices.shard_slices import Counted
from unlearn.partition.tables import Change, Cleanup, Slice, State, Tables
from unlearn.publishing.compose import entries
from unlearn.training.schedule import Order, filed, is_due, orders
from unlearn_models.sisa.checkpoint_policies import weights_of_ages, weights_of_runs

SHARDS = 2
ENDS = range(10, 80, 10)
PLACES = range(-1, 85, 5)

small = st.integers(0, 3)
slices = st.builds(
    Slice,
    sum=st.integers(0, 2**128 - 1),
    live=small,
    last_death=st.integers(-1, 6),
    file=st.sampled_from((None, "", "a", "b")),
    rows=small,
    first_death=st.integers(-1, 2),
)
stamps = st.tuples(st.integers(0, 6), small)
states = stamps.map(lambda stamp: State(stamp[0], "f", "d" * 64, rows=stamp[1]))


@st.composite
def changes(draw: st.DrawFn) -> Change:
    change = Change()
    places = st.tuples(st.integers(0, SHARDS - 1), st.sampled_from(ENDS))
    for key, held in draw(st.dictionaries(places, slices | slices | st.none(), max_size=3)).items():
        change.tables.setdefault("slices", {})[key] = held
    for key, state in draw(st.dictionaries(places, states | st.none(), max_size=2)).items():
        change.tables.setdefault("states", {})[key] = state
    change.put("meta", "registered", draw(st.sampled_from((0, *ENDS))))
    if draw(st.booleans()):
        change.put("cleanups", "aa", Cleanup(3, 0, draw(st.sampled_from((0, *ENDS)))))
    return change


def slices_of(view: Tables, shard: int) -> list[tuple[int, Slice]]:
    return sorted((end, held) for (owner, end), held in view.slices.items() if owner == shard)


def lineage(view: Tables, shard: int, through: int) -> str:
    found = EMPTY
    for end, held in slices_of(view, shard):
        if end <= through and held.live:
            found = chain(found, end, held.sum)
    return found


def counted(view: Tables, shard: int, through: int) -> Counted:
    held = [one for end, one in slices_of(view, shard) if end <= through]
    return Counted(sum(one.sum for one in held), sum(one.live for one in held), sum(one.rows for one in held))


@given(st.lists(changes(), max_size=8))
def test_each_index_is_what_all_slices_give(made: list[Change]) -> None:
    view = Tables({})
    for applied, change in enumerate(made):
        view.apply(change, applied)
        for shard in range(SHARDS):
            held, kept = slices_of(view, shard), view.of_shard(shard)
            assert (list(kept.after()), len(kept)) == (held, len(held))
            for place in PLACES:
                assert list(kept.after(place)) == [one for one in held if one[0] > place]
                assert list(kept.with_rows(place)) == [one for one in held if one[0] > place and one[1].file != ""]
                assert kept.died_since(max(place, 0)) == [end for end, one in held if one.last_death >= max(place, 0)]
                assert kept.counted(place) == counted(view, shard, place)
                assert kept.count(place) == sum(end <= place for end, _ in held)
                assert kept.lineage(place) == lineage(view, shard, place)
            owned = sorted((end, state) for (owner, end), state in view.states.items() if owner == shard)
            assert view.shard_states(shard) == owned
            assert view.states_beyond(shard, 35) == [end for end, _ in owned if end > 35]
        assert sorted(view.holed()) == sorted((*key, one) for key, one in view.slices.items() if one.first_death >= 0)
        for end in ENDS:
            assert view.shards_at(end) == sorted(shard for shard, at in view.slices if at == end)
        assert view.ends == sorted({end for _, end in view.slices})


def to_forget(view: Tables, shard: int, through: int, since: int) -> tuple[int, ...]:
    walked = min((c.cursor for c in view.cleanups.values() if c.shard == shard), default=through)
    held = slices_of(view, shard)
    return tuple(end for end, one in held if end <= through and (one.last_death >= since or end > walked))


def behind(view: Tables, shard: int, through: int) -> tuple[int, ...]:
    held = slices_of(view, shard)
    return tuple(end for end, one in held if through < end <= view.registered and one.file)


def reach(view: Tables, shard: int, through: int) -> int:
    for end in view.ends_after(through):
        held = view.slices.get((shard, end))
        if held is not None and held.file != "":
            return through
        through = end
    return through


@given(st.lists(changes(), max_size=8))
def test_orders_and_manifests_are_those_of_a_look_at_all_slices(made: list[Change]) -> None:
    view = Tables({})
    for applied, change in enumerate(made):
        view.apply(change, applied)
        given = {order.shard: order for order in orders(view, SHARDS, True)}
        assert set(given) == {shard for shard in range(SHARDS) if is_due(view, shard, True)}
        folded = {order.shard for order in orders(view, SHARDS, False)}
        assert folded == {shard for shard in range(SHARDS) if is_due(view, shard, False)}
        for shard, entry in enumerate(entries(view, SHARDS, True, "e" * 64)):
            newest = max(view.shard_states(shard), default=None, key=lambda one: one[0])
            through = newest[0] if newest else 0
            assert entry.through == reach(view, shard, through)
            assert filed(view, shard, 45) == [end for end, one in slices_of(view, shard) if end <= 45 and one.file]
            learn = behind(view, shard, through)
            if newest is None or not learn:
                assert (shard in given) == bool(learn)
            else:
                forget = to_forget(view, shard, *_since(newest))
                assert given[shard] == Order(shard, newest, learn, forget)


def _since(newest: tuple[int, State]) -> tuple[int, int]:
    return newest[0], newest[1].applied


@given(
    st.lists(st.integers(-9, 9)),
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, 99), st.integers(-9, 9)), max_size=5),
)
def test_a_running_sum_is_the_sum(numbers: list[int], begun: int, later: Sequence[tuple[int, int]]) -> None:
    sums = PrefixSums(numbers[:begun])
    for number in numbers[begun:]:
        sums.append(number)
    for at, more in later if numbers else ():
        numbers[at % len(numbers)] += more
        sums.add(at % len(numbers), more)

    assert [sums.first(count) for count in range(len(numbers) + 1)] == list(_running(numbers))


def _running(numbers: list[int]) -> Iterator[int]:
    return (sum(numbers[:count]) for count in range(len(numbers) + 1))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.lists(st.integers(0, 20)))
def test_deletions_expected_in_runs_are_those_of_their_slices(sizes: list[int], ages: list[int]) -> None:
    counts = [sum(sizes[: at + 1]) for at in range(len(sizes))]
    weights = weights_of_ages(ages, counts[-1])

    found = weights_of_runs(ages, counts)

    assert found == [sum(weights[stop - size : stop]) for stop, size in zip(counts, sizes, strict=True)]

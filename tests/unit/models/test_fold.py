"""Folds: in place they give what `learn` gives, and a rewound one has forgotten."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.models.corpora import as_rows, tweets
from unlearn_models import BadRows, Learner, Rows, digest, make_learner
from unlearn_models.folds.fold import Fold, Steps, begin
from unlearn_models.positive_unlabelled.learner import PositiveUnlabelled

ROWS = as_rows(*tweets(600, seed=6), 2**10)
LEARNERS = {
    "linear": make_learner("linear", ("a", "b"), 2**10),
    "linear, three classes": make_learner("linear", ("a", "b", "c"), 2**10),
    "naive-bayes": make_learner("naive-bayes", ("a", "b"), 2**10),
    "pu-linear": make_learner("pu-linear", ("a", "b"), 2**10),
    "pu-naive-bayes": make_learner("pu-naive-bayes", ("a", "b"), 2**10),
}


def fold_of(learner: Learner, stepwise: bool) -> Fold:
    return Steps(learner, learner.empty()) if stepwise else begin(learner)


def part(learner: Learner, start: int, stop: int) -> Rows:
    """Rows from start to stop, with the labels that this learner takes."""
    rows = ROWS.take(np.arange(start, stop))
    known = rows.labels if not learner.learns_unlabelled else np.where(rows.labels == 1, 1, -1).astype(np.int32)
    return Rows(known, rows.indptr, rows.indices, rows.values)


def whole(learner: Learner, *parts: Rows) -> str:
    return digest(learner, learner.learn(learner.empty(), Rows.concat(parts)))


@pytest.mark.parametrize("stepwise", [False, True])
@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
@given(moves=st.lists(st.tuples(st.sampled_from(["learn", "mark", "rewind"]), st.integers(0, 599)), max_size=30))
def test_any_way_to_a_place_gives_its_state(learner: Learner, stepwise: bool, moves: list[tuple[str, int]]) -> None:
    # given: what has been learned, and at which marks how much of it
    fold, learned, marks = fold_of(learner, stepwise), [part(learner, 0, 0)], {0: 1}
    for number, (move, at) in enumerate(moves, 1):
        chosen = sorted(marks)[at % len(marks)]
        # when
        if move == "learn":
            learned.append(part(learner, at, at + 1 + at % 40 if at < 560 else 600))
            fold.learn(learned[-1])
        elif move == "mark":
            fold.mark(number)
            marks[number] = len(learned)
        else:
            fold.rewind(chosen)
            learned = learned[: marks[chosen]]
            marks = {mark: size for mark, size in marks.items() if mark <= chosen}
        # then
        assert fold.marks == sorted(marks)
    assert digest(learner, fold.state()) == whole(learner, *learned)


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_a_fold_goes_on_from_a_state_and_back_to_it(learner: Learner) -> None:
    # given
    state = learner.learn(learner.empty(), part(learner, 0, 200))
    fold = begin(learner, state)
    # when
    for start, stop in pairwise(range(200, 601, 100)):
        fold.learn(part(learner, start, stop))
        fold.mark(stop)
    # then
    assert digest(learner, fold.state()) == whole(learner, part(learner, 0, 600))
    fold.rewind(0)
    assert digest(learner, fold.state()) == digest(learner, state)


@pytest.mark.parametrize("stepwise", [False, True])
@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_what_a_fold_refuses_leaves_it_as_it_was(learner: Learner, stepwise: bool) -> None:
    fold = fold_of(learner, stepwise)
    fold.learn(part(learner, 0, 50))
    fold.mark(5)
    bad = Rows(np.array([0], np.int32), np.array([0, 1]), np.array([2**10], np.int32), np.ones(1))
    with pytest.raises(BadRows):
        fold.learn(Rows.concat([part(learner, 0, 3), bad]))
    with pytest.raises(ValueError, match="does not follow"):
        fold.mark(5)
    with pytest.raises(KeyError):
        fold.rewind(3)
    assert fold.marks == [0, 5]
    assert digest(learner, fold.state()) == whole(learner, part(learner, 0, 50))


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
@given(
    begun=st.sampled_from([0, 120]),
    edges=st.lists(st.integers(1, 299), min_size=1, max_size=6, unique=True).map(sorted),
    turns=st.lists(
        st.tuples(st.lists(st.integers(0, 6), min_size=1, max_size=3), st.integers(0, 299), *[st.booleans()] * 3),
        max_size=6,
    ),
)
def test_prepared_rows_are_learned_again_without_those_struck_out(
    learner: Learner,
    begun: int,
    edges: list[int],
    turns: list[tuple[list[int], int, bool, bool, bool]],
) -> None:
    # given: rows learned in legs, with a mark between two of them, on what was learned before
    before, rows = part(learner, 300, 300 + begun), part(learner, 0, 300)
    fold, alive = begin(learner, learner.learn(learner.empty(), before)), np.ones(300, np.bool_)
    prepared = fold.prepare(rows)
    stops = [*edges, 300]
    prepared.learn(0, stops, edges)
    for numbers, row, in_legs, looks, strays in turns:
        # when: one is struck out, and all is learned again from a mark that comes before it
        for number in numbers:
            marks = [mark for mark in fold.marks if mark <= row]
            start = marks[number % len(marks)]
            fold.rewind(start)
        if looks:
            assert digest(learner, fold.state()) == whole(learner, before, rows.part(0, start).take(alive[:start]))
        if strays:
            fold.learn(part(learner, 250, 350))
            fold.rewind(start)
        prepared.strike(np.array([row], np.intp))
        alive[row] = False
        later = [mark for mark in edges if mark > start] if in_legs else []
        prepared.learn(start, [*later, 300], later)
        # then
        assert digest(learner, fold.state()) == whole(learner, before, rows.take(alive))
    assert whole(learner, part(learner, 0, 300)) == whole(learner, rows), "what was prepared was copied"


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_prepared_rows_can_be_learned_twice(learner: Learner) -> None:
    fold = begin(learner)
    prepared = fold.prepare(part(learner, 0, 100))
    for first in (0, 2):
        prepared.learn(0, [40, 100], [first + 1])
        fold.mark(first + 2)
    assert digest(learner, fold.state()) == whole(learner, part(learner, 0, 100), part(learner, 0, 100))
    for mark, parts in ((3, [(0, 100), (0, 40)]), (2, [(0, 100)]), (1, [(0, 40)]), (0, [])):
        fold.rewind(mark)
        assert digest(learner, fold.state()) == whole(
            learner, part(learner, 0, 0), *(part(learner, *one) for one in parts)
        )


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_what_cannot_be_learned_cannot_be_prepared(learner: Learner) -> None:
    bad = Rows(np.array([0], np.int32), np.array([0, 1]), np.array([2**10], np.int32), np.ones(1))
    with pytest.raises(BadRows):
        begin(learner).prepare(bad)


@pytest.mark.parametrize("in_legs", [False, True])
@pytest.mark.parametrize("mark", [0, 80, 160])
@pytest.mark.parametrize("name", ["linear", "linear, three classes", "pu-linear", "naive-bayes"])
def test_no_number_that_a_struck_row_had_part_in_is_left(name: str, mark: int, in_legs: bool) -> None:
    # given: rows learned with marks, and rows of which some were struck out before that
    learner, edges, gone = LEARNERS[name], [80, 160, 240], np.arange(mark + 3, mark + 60, 7)
    fold, other = begin(learner), begin(learner)
    prepared, without = fold.prepare(part(learner, 0, 300)), other.prepare(part(learner, 0, 300))
    prepared.learn(0, [*edges, 300], edges)
    without.strike(gone)
    without.learn(0, [*edges, 300], edges)
    # when: the same ones are struck out now
    fold.rewind(mark)
    prepared.strike(gone)
    later = [edge for edge in edges if edge > mark] if in_legs else []
    prepared.learn(mark, [*later, 300], later)
    assert digest(learner, fold.state()) == digest(learner, other.state())
    # then
    assert numbers(prepared) <= numbers(without)


def numbers(thing: object, met: set[int] | None = None) -> set[float]:
    """All floats in arrays that can be reached from a thing."""
    met = set() if met is None else met
    if id(thing) in met:
        return set()
    met.add(id(thing))
    if isinstance(thing, np.ndarray):
        floats = set(thing[thing != 0].tolist()) if thing.dtype == np.float64 else set()
        return floats | numbers(thing.base, met)
    parts: list[object] = [*thing] if isinstance(thing, list | tuple) else []
    parts += thing.values() if isinstance(thing, dict) else []
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    parts += [getattr(thing, name) for name in (*names, *getattr(thing, "__dict__", ())) if hasattr(thing, name)]
    return set[float]().union(*(numbers(each, met) for each in parts))


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_positions_and_legs_that_are_none_change_nothing(learner: Learner) -> None:
    fold = begin(learner)
    prepared = fold.prepare(part(learner, 0, 100))
    prepared.learn(0, [50, 100], [1])
    for at in ([100], [-1], [10**10], [3, 100]):
        with pytest.raises(IndexError):
            prepared.strike(np.array(at, np.intp))
    for start, stops, marks in ((0, [101], []), (0, [60, 50], [2]), (-1, [5], []), (0, [], []), (0, [5, 9], [2, 3])):
        with pytest.raises(ValueError, match="legs"):
            prepared.learn(start, stops, marks)
    with pytest.raises(ValueError, match="does not follow"):
        prepared.learn(0, [5, 9, 12], [2, 2])
    assert fold.marks == [0, 1]
    assert digest(learner, fold.state()) == whole(learner, part(learner, 0, 100))
    prepared.strike(np.arange(0, 100, 2, dtype=np.intp)[::-1])
    fold.rewind(0)
    prepared.learn(0, [100])
    assert digest(learner, fold.state()) == whole(learner, part(learner, 0, 100).take(np.arange(1, 100, 2)))


def test_what_a_struck_row_held_is_overwritten_in_either_role() -> None:
    learner = LEARNERS["pu-linear"]
    prepared = begin(learner).prepare(part(learner, 0, 300))
    prepared.strike(np.arange(300))
    assert not prepared._held.values.any()  # type: ignore[attr-defined]
    assert not prepared._training.damped.any()  # type: ignore[attr-defined]


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_what_is_learned_stays_learned_until_the_fold_is_rewound(learner: Learner) -> None:
    fold, rows = begin(learner), part(learner, 0, 300)
    prepared = fold.prepare(rows)
    prepared.learn(0, [150, 300], [1])
    learned = digest(learner, fold.state())

    prepared.strike(np.arange(0, 300, 7))

    assert digest(learner, fold.state()) == learned


@pytest.mark.parametrize("name", ["pu-linear", "pu-naive-bayes"])
def test_rows_that_are_all_held_out_are_copied_too(name: str) -> None:
    """As those of a slice's file, which nobody may write to: others read them, too."""
    learner = LEARNERS[name]
    assert isinstance(learner, PositiveUnlabelled)
    rows = part(learner, 0, 300)
    rows = rows.take(learner.holds_out(rows) & (rows.labels == 1))
    assert len(rows)
    for array in (rows.labels, rows.indptr, rows.indices, rows.values):
        array.flags.writeable = False
    prepared = begin(learner).prepare(rows)

    prepared.strike(np.arange(len(rows)))

    assert rows.values.all()

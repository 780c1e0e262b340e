"""The forest in memory: what it refuses, keeps and learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.models.adult import adult, as_bytes, fresh, made
from unlearn_models import BadRows, BadSettings, BadState, NotLearned
from unlearn_models.base.encoding import decode_arrays, encode_arrays
from unlearn_models.forest import Forest, Settings, load, save

SETTINGS = Settings(trees=5, depth=6, features=9, seed=3)
KEYS, X, Y = adult(400)


def grown(settings: Settings = SETTINGS, n: int = 400) -> Forest:
    return fresh(settings, KEYS[:n], X[:n], Y[:n])


def with_cell(value: float) -> NDArray[np.float64]:
    x = X[:3].copy()
    x[1, 4] = value
    return x


FRESH = np.array([2**63, 2**63 + 1, 2**63 + 2], np.uint64)
WRONG: list[tuple[type[Exception], tuple[Any, ...]]] = [
    (NotLearned, (FRESH[:1],)),
    (NotLearned, (KEYS[[3, 5, 3]],)),
    (NotLearned, (np.append(KEYS[:4], FRESH[0]), FRESH, X[:3], Y[:3])),
    (BadRows, ([], FRESH, with_cell(np.nan), Y[:3])),
    (BadRows, (KEYS[:2], FRESH, with_cell(np.inf), Y[:3])),
    (BadRows, ([], FRESH, with_cell(5e-324), Y[:3])),
    (BadRows, (KEYS[:2], FRESH, X[:3, :5], Y[:3])),
    (BadRows, ([], FRESH, X[0], Y[:3])),
    (BadRows, ([], FRESH, "text", Y[:3])),
    (BadRows, ([], FRESH[:2], X[:3], Y[:3])),
    (BadRows, ([], FRESH, X[:3], Y[:2])),
    (BadRows, ([], FRESH, X[:3], np.array([0, 2, 0]))),
    (BadRows, ([], FRESH, X[:3], np.array([0, -1, 0]))),
    (BadRows, ([], FRESH, X[:3], np.array([0.0, 1.0, 0.0]))),
    (BadRows, ([], FRESH.astype(np.int64), X[:3], Y[:3])),
    (BadRows, (np.array([0.5]), FRESH, X[:3], Y[:3])),
    (BadRows, ([], KEYS[[7, 8, 9]], X[:3], Y[:3])),
    (BadRows, (KEYS[:5], FRESH[[0, 1, 0]], X[:3], Y[:3])),
    (BadRows, (KEYS[:5], FRESH[[0, 1, 0]], X[:3] + 0.123, Y[:3])),
]


@pytest.mark.parametrize(("error", "arguments"), WRONG)
@pytest.mark.parametrize("lazy", [False, True])
def test_a_wrong_change_is_refused_and_changes_nothing(error: type[Exception], arguments: Any, lazy: bool) -> None:
    # given
    forest = grown()
    before, rows = as_bytes(forest), save(forest)
    # when
    with pytest.raises(error):
        forest.apply(*arguments, lazy=lazy)
    # then
    assert (as_bytes(forest), save(forest)) == (before, rows)
    forest.apply(KEYS[100:], FRESH, X[:3], Y[:3])
    again = fresh(SETTINGS, np.append(KEYS[:100], FRESH), np.append(X[:100], X[:3], axis=0), np.append(Y[:100], Y[:3]))
    assert as_bytes(forest) == as_bytes(again)


def test_a_row_is_forgotten_once() -> None:
    # given
    forest = grown()
    forest.apply(KEYS[:1])
    # when
    with pytest.raises(NotLearned):
        forest.apply(KEYS[:1])
    # then
    assert as_bytes(forest) == as_bytes(fresh(SETTINGS, KEYS[1:], X[1:], Y[1:]))


def test_a_row_that_is_there_twice_is_forgotten_one_at_a_time() -> None:
    # given
    once, twice = grown(), grown()
    twice.apply([], KEYS[:2], X[:2], Y[:2])
    assert len(twice) == 402
    assert as_bytes(twice) != as_bytes(once)
    # when
    twice.apply(KEYS[[0, 1]])
    # then
    assert as_bytes(twice) == as_bytes(once)
    twice.apply(KEYS[[1, 0]])
    assert as_bytes(twice) == as_bytes(fresh(SETTINGS, KEYS[2:], X[2:], Y[2:]))


def test_a_key_may_come_back_with_another_content_once_it_is_forgotten() -> None:
    # given
    forest = grown()
    # when
    forest.apply(KEYS[:1], KEYS[:1], X[1:2], Y[1:2])
    # then
    x, y = np.append(X[1:2], X[1:], axis=0), np.append(Y[1:2], Y[1:])
    assert as_bytes(forest) == as_bytes(fresh(SETTINGS, KEYS, x, y))


def test_nothing_is_left_of_a_forest_that_forgot_all() -> None:
    # given
    forest = grown()
    # when
    forest.apply(KEYS)
    # then
    assert as_bytes(forest) == as_bytes(Forest(SETTINGS, 2, X.shape[1]))
    assert (forest.predict(X[:5]) == 0.5).all()
    forest.apply([], KEYS, X, Y)
    assert as_bytes(forest) == as_bytes(grown())


def test_a_column_of_bits_may_get_more_values_and_a_new_minimum() -> None:
    # given
    forest, x = grown(n=300), X[300:400].copy()
    x[:50, 30], x[50:, 40] = 2.5, -1.0
    # when
    for part in (slice(0, 20), slice(20, 100)):
        forest.apply(KEYS[:1] if part.start else [], KEYS[300:][part], x[part], Y[300:][part])
    # then
    all_x = np.append(X[1:300], x, axis=0)
    assert as_bytes(forest) == as_bytes(fresh(SETTINGS, KEYS[1:], all_x, Y[1:]))


def test_minus_zero_is_zero() -> None:
    assert as_bytes(fresh(SETTINGS, KEYS, np.where(X == 0, -0.0, X), Y)) == as_bytes(grown())


@pytest.mark.parametrize("ask", [Forest.trees, Forest.flush, lambda f: f.apply(), lambda f: f.predict(X[:1]), save])
def test_lazy_changes_show_as_soon_as_the_trees_are_asked_for(ask: Any) -> None:
    # given
    lazy, eager = grown(), grown()
    # when
    for i in range(150):
        lazy.apply(KEYS[i : i + 1], lazy=True)
        eager.apply(KEYS[i : i + 1])
    ask(lazy)
    # then
    assert as_bytes(lazy) == as_bytes(eager)
    assert lazy._numbers[13] < eager._numbers[13], "lazy changes save rebuilding"


def test_a_copy_goes_its_own_way() -> None:
    # given
    forest = grown()
    before = as_bytes(forest)
    # when
    twin = forest.copy()
    twin.apply(KEYS[:50], FRESH, X[:3] + 0.5, Y[:3])
    # then
    assert as_bytes(forest) == before
    forest.apply(KEYS[:50], FRESH, X[:3] + 0.5, Y[:3])
    assert as_bytes(forest) == as_bytes(twin)


@pytest.mark.parametrize("settings", [SETTINGS, Settings(trees=4, depth=5, share=0.3, min_leaf=2, random_layers=1)])
def test_a_saved_forest_goes_on(settings: Settings) -> None:
    # given
    forest = grown(settings)
    forest.apply(KEYS[10:60], KEYS[:3], X[:3], Y[:3], lazy=True)
    data = save(forest)
    # when
    back = load(data)
    # then
    assert save(back) == data
    assert as_bytes(back) == as_bytes(forest)
    for one in (back, forest):
        one.apply(KEYS[60:90], KEYS[20:30], X[20:30], Y[20:30])
    assert as_bytes(back) == as_bytes(forest)
    left = np.r_[0:10, 20:30, 90:400, 0:3]
    assert data != save(forest) == save(fresh(settings, KEYS[left], X[left], Y[left]))


def test_a_damaged_save_is_refused() -> None:
    data = save(grown(n=20))
    header, arrays = decode_arrays(data)
    damaged = [
        encode_arrays(header | {"trees": 0}, arrays),
        encode_arrays(header | {"share": "much"}, arrays),
        encode_arrays({k: v for k, v in header.items() if k != "depth"}, arrays),
        encode_arrays(header, arrays | {"labels": arrays["labels"] + 2}),
        encode_arrays(header, arrays | {"sizes": arrays["sizes"] - 20}),
        encode_arrays(header, arrays | {"features": arrays["features"] + 88}),
        encode_arrays(header, arrays | {"keys": arrays["keys"][::-1].copy()}),
        encode_arrays(header, arrays | {"values": arrays["values"] * np.nan}),
        encode_arrays(header, {"keys": arrays["keys"]}),
        data[:-1],
    ]
    for each in damaged:
        with pytest.raises(BadState):
            load(each)


@pytest.mark.parametrize(
    "wrong",
    [
        {"trees": 0},
        {"depth": 31},
        {"thresholds": 51},
        {"features": 0},
        {"share": 0.0},
        {"share": 1.5},
        {"share": float("nan")},
        {"random_layers": 11},
        {"min_leaf": 0},
        {"seed": -1},
        {"depth": True},
        {"trees": 5.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSettings):
        Settings(**wrong)


def test_wide_rows_are_refused_with_a_way_out() -> None:
    with pytest.raises(BadSettings, match=r"fold the columns by a fixed hash to 1,024 or fewer"):
        Forest(SETTINGS, 2, 1025)
    with pytest.raises(BadSettings):
        Forest(SETTINGS, 1, 10)


def test_a_thousand_columns_are_no_trouble() -> None:
    # given
    rng = np.random.default_rng(0)
    x: NDArray[np.float64] = rng.integers(0, 2, (200, 1024)).astype(np.float64) * np.where(
        np.arange(1024) % 50 == 0, rng.normal(size=(200, 1024)), 1.0
    )
    y = (x[:, :40].sum(axis=1) > 20).astype(np.int64)
    settings = Settings(trees=3, depth=6, features=100)
    # when
    forest = fresh(settings, KEYS[:200], x, y)
    for i in range(50):
        forest.apply(KEYS[i : i + 1])
    # then
    assert as_bytes(forest) == as_bytes(fresh(settings, KEYS[50:200], x[50:], y[50:]))


def test_equal_scores_are_settled_by_feature_even_where_floats_disagree() -> None:
    # given: complementary columns tie exactly, in numbers whose quotients round differently
    rng = np.random.default_rng(1)
    x = np.zeros((1009, 4))
    x[:, 3] = rng.permutation(1009) < 331
    x[:, 2] = 1 - x[:, 3]
    x[:, 1] = x[:, 3] * 2 + 5
    y = ((x[:, 3] + rng.random(1009)) > 0.9).astype(np.int64)
    keys = rng.integers(0, 2**63, 1009).astype(np.uint64)
    # when
    trees = fresh(Settings(trees=20, depth=1, features=4), keys, x, y).trees()
    # then
    assert trees.feature[trees.starts[:-1]].tolist() == [1] * 20


def test_the_substitute_has_the_shape_of_adult() -> None:
    x, y = made(2000)
    assert x.shape == (2000, 88)
    assert 0.1 < y.mean() < 0.4
    assert sum(len(np.unique(column)) > 2 for column in x.T) == 6
    keys, some, labels = adult(50)
    assert (keys.shape, some.shape[0], labels.shape) == ((50,), 50, (50,))

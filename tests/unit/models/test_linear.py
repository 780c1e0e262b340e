"""The linear learner's arithmetic: its exp, its bounds, its average."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from unlearn_models import BadState, Rows, encode_state, make_learner
from unlearn_models.linear.kernels import decay, sigmoid

HUGE, TINY = 1.7e308, 5e-324


def rows_of(*cells: tuple[int, list[int], list[float]]) -> Rows:
    return Rows.concat(
        [
            Rows(
                np.array([label], np.int32),
                np.array([0, len(indices)], np.int64),
                np.array(indices, np.int32),
                np.array(values, np.float64),
            )
            for label, indices, values in cells
        ]
    )


def test_decay_is_exp_to_two_units_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(0.0, 40.0, 200_001), np.arange(1, 58) * np.log(2) / 2])
    ours = np.array([decay(value) for value in x])
    assert np.abs(ours / np.exp(-x) - 1).max() < 4.5e-16
    assert decay(0.0) == 1.0
    assert decay(1e300) == decay(40.0)


def test_sigmoid_rises_and_is_symmetric() -> None:
    z = np.linspace(-39.0, 39.0, 2001)
    ours = [sigmoid(value) for value in z]
    assert all(low < high for low, high in pairwise(ours[:1700]))
    assert all(low <= high for low, high in pairwise(ours))
    assert sigmoid(0.0) == 0.5
    assert all(abs(sigmoid(value) + sigmoid(-value) - 1.0) <= 2.3e-16 for value in z)


@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
def test_any_finite_row_gives_a_canonical_state(classes: tuple[str, ...]) -> None:
    # given
    learner = make_learner("linear", classes, 8)
    rows = rows_of(
        (0, list(range(8)), [HUGE] * 8),
        (1, [0, 1], [TINY, -TINY]),
        (1, [0, 1, 2], [HUGE, TINY, 1.0]),
        (0, [3], [-HUGE]),
        (1, [3], [1e-200]),
        (0, [], []),
    )
    many = Rows.concat([rows] * 50)
    # when
    state = learner.learn(learner.empty(), many)
    # then
    assert encode_state(learner, state)
    scores = learner.ensemble([state]).scores(many)
    assert np.isfinite(scores).all()
    assert np.abs(scores.sum(axis=1) - 1.0).max() < 1e-12


def test_certainty_leaves_no_subnormal_numbers() -> None:
    learner = make_learner("linear", ("a", "b"), 2, lr=1e6)
    rows = rows_of(*[(0, [0], [1e300]), (1, [1], [1e300])] * 300)
    assert encode_state(learner, learner.learn(learner.empty(), rows))


def test_the_linear_learner_learns_each_of_several_classes() -> None:
    learner = make_learner("linear", ("a", "b", "c"), 3)
    rows = rows_of(*[(label, [label], [1.0]) for label in (0, 1, 2)] * 40)
    state = learner.learn(learner.empty(), rows)
    assert (learner.ensemble([state]).scores(rows).argmax(axis=1) == rows.labels).all()


def test_shards_are_averaged_by_what_they_have_seen() -> None:
    # given
    learner = make_learner("linear", ("a", "b"), 3)
    one = learner.learn(learner.empty(), rows_of(*[(1, [0], [1.0]), (0, [1], [1.0])] * 9))
    two = learner.learn(learner.empty(), rows_of(*[(1, [1], [1.0]), (0, [2], [1.0])] * 5))
    asked = rows_of((-1, [0], [1.0]), (-1, [1], [1.0]), (-1, [2], [1.0]))
    # when
    scores = learner.ensemble([one, two]).scores(asked)[:, 1]
    # then
    shared = [(one["weights"][0, 1], one["squares"][0, 1]), (two["weights"][0, 0], two["squares"][0, 0])]
    biases = [(state["bias_means"][0], state["bias_squares"][0]) for state in (one, two)]
    weights, bias = [one["weights"][0, 0], average(shared), two["weights"][0, 1]], average(biases)
    assert np.abs(scores - [sigmoid(weight + bias) for weight in weights]).max() < 1e-15
    assert weights[1] != (one["weights"][0, 1] + two["weights"][0, 0]) / 2


@pytest.mark.parametrize("rarity", [0.25, 0.5])
def test_rarity_weighs_by_how_many_shards_have_seen_it(rarity: float) -> None:
    # given
    plain, learner = (make_learner("linear", ("a", "b"), 3, rarity=power) for power in (0.0, rarity))
    one = learner.learn(learner.empty(), rows_of(*[(1, [0], [1.0]), (0, [1], [1.0])] * 9))
    two = learner.learn(learner.empty(), rows_of(*[(1, [1], [1.0]), (0, [2], [1.0])] * 5))
    asked = rows_of(*[(-1, [feature], [1.0]) for feature in range(3)], (-1, [], []))
    # when
    before, after = (logit(each.ensemble([one, two]).scores(asked)[:, 1]) for each in (plain, learner))
    # then
    g, h = one["squares"][0, 1], two["squares"][0, 0]
    a, b = one["bias_squares"][0], two["bias_squares"][0]
    seen = [1.0, (g + h) ** 2 / (g * g + h * h), 1.0]
    assert np.abs(after[3] - before[3] * ((a + b) ** 2 / (a * a + b * b)) ** rarity).max() < 1e-12
    assert np.abs((after[:3] - after[3]) - (before[:3] - before[3]) / np.power(seen, rarity)).max() < 1e-12
    # And one shard alone is as it was
    alone = [each.ensemble([one]).scores(asked).tobytes() for each in (plain, learner)]
    assert alone[0] == alone[1]


def test_rarity_is_a_setting_only_where_it_is_used() -> None:
    plain, learner = (make_learner("linear", ("a", "b"), 3, rarity=power) for power in (0.0, 0.25))
    assert set(learner.settings()) - set(plain.settings()) == {"rarity"}
    assert learner.settings()["rarity"] == 0.25


def logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.log(p / (1 - p))
    return found


def average(pairs: list[tuple[float, float]]) -> float:
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def test_a_state_is_adagrad_by_the_book() -> None:
    # given
    learner = make_learner("linear", ("a", "b"), 4, lr=0.3, eps=0.1)
    rows = rows_of((1, [0, 2], [1.0, 4.0]), (0, [2], [-9.0]), (1, [], []))
    # when
    state = learner.learn(learner.empty(), rows)
    # then
    w, squares, bias = np.zeros(4), np.zeros(4), np.zeros(3)
    for t, (label, x) in enumerate([(1, [1.0, 0, 2.0, 0]), (0, [0, 0, -3.0, 0]), (1, [0.0] * 4)], 1):
        slope = 1 / (1 + np.exp(-(w @ x + bias[0]))) - label
        squares += (slope * np.array(x)) ** 2
        w -= 0.3 * slope * np.array(x) / np.sqrt(squares + 0.1)
        bias[1] += slope**2
        bias[0] -= 0.3 * slope / np.sqrt(bias[1] + 0.1)
        bias[2] += (bias[0] - bias[2]) * 4 / (t + 3)
    found = [state["weights"][0], state["squares"][0]]
    assert state["features"].tolist() == [0, 2]
    assert np.abs(found - np.array([w, squares])[:, [0, 2]]).max() < 1e-15
    assert np.abs(np.array([state["bias"], state["bias_squares"], state["bias_means"]])[:, 0] - bias).max() < 1e-15


def test_a_value_too_small_to_count_leaves_no_trace() -> None:
    learner = make_learner("linear", ("a", "b"), 3)
    state = learner.learn(learner.empty(), rows_of((1, [0, 1], [1.0, TINY])))
    assert state["features"].tolist() == [0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", np.nan),
        ("weights", -0.0),
        ("squares", 1e-310),
        ("squares", -1.0),
        ("squares", 0.0),
        ("bias", np.inf),
        ("bias_squares", 0.0),
        ("bias_squares", -1.0),
    ],
)
def test_a_state_with_odd_numbers_is_refused(name: str, value: float) -> None:
    learner = make_learner("linear", ("a", "b"), 3)
    state = learner.learn(learner.empty(), rows_of((1, [0, 1], [1.0, 2.0])))
    array = state[name].copy()
    array.flat[0] = value
    with pytest.raises(BadState):
        encode_state(learner, {**state, name: array})


def test_a_state_of_no_rows_has_learned_no_bias() -> None:
    learner = make_learner("linear", ("a", "b"), 3)
    with pytest.raises(BadState):
        encode_state(learner, {**learner.empty(), "bias_squares": np.ones(1)})
    one = np.ones((1, 1))
    with pytest.raises(BadState):
        encode_state(learner, {**learner.empty(), "features": np.ones(1, np.int32), "weights": one, "squares": one})

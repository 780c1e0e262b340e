"""What scoring takes without compiled code gives the bytes that the kernels give."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.harness.plain_way import kernels, plainly
from tests.property.models.strategies import CLASSES, FEATURES, counts, finite, rows
from tests.property.models.test_text import texts
from tests.unit.models.adult import adult_rows
from unlearn_models import (
    BadState,
    Learner,
    Rows,
    decode_state,
    digest,
    encode_state,
    hash_texts,
    make_learner,
    murmur3,
)
from unlearn_models.forest.predict import predict
from unlearn_models.forest.trees import Trees
from unlearn_models.forest.verify import check_trees

normal = finite.filter(lambda value: abs(value) >= np.finfo(float).tiny)
small: dict[str, Any] = {"trees": 3, "depth": 4, "features": 4, "thresholds": 4, "share": 1.0}
LEARNERS = [
    (make_learner("naive-bayes", CLASSES, FEATURES), counts),
    (make_learner("naive-bayes", CLASSES[:2], FEATURES, alpha=0.1), counts),
    (make_learner("complement-naive-bayes", CLASSES, FEATURES, norm=True), counts),
    (make_learner("complement-naive-bayes", CLASSES, FEATURES), counts),
    (make_learner("linear", CLASSES, FEATURES), finite),
    (make_learner("linear", CLASSES[:2], FEATURES, rarity=0.25), finite),
    (make_learner("forest", CLASSES, FEATURES, **small), normal),
    (make_learner("forest", CLASSES[:2], FEATURES, **small), normal),
    (make_learner("pu-naive-bayes", CLASSES[:2], FEATURES, held_out=0.5), counts),
    (make_learner("pu-linear", CLASSES[:2], FEATURES, held_out=0.5), normal),
]


def taken(learner: Learner, drawn: Rows) -> Rows:
    """Those of the rows that the learner takes."""
    return drawn.take(learner.accepts(drawn))


@pytest.mark.parametrize(("learner", "values"), LEARNERS, ids=lambda each: getattr(each, "id", ""))
@settings(max_examples=25)
@given(data=st.data())
def test_states_are_decoded_and_scored_alike(learner: Learner, values: Any, data: st.DataObject) -> None:
    # Given shards that were learned by compiled code, and rows to score
    shards = data.draw(st.lists(rows(values), max_size=4))
    stored = [encode_state(learner, learner.learn(learner.empty(), taken(learner, shard))) for shard in shards]
    asked = taken(learner, data.draw(rows(values)))
    scores = learner.ensemble([decode_state(learner, one) for one in stored]).scores(asked)

    # When the same is done without compiled code, for all rows at once and for each
    with plainly():
        states = [decode_state(learner, one) for one in stored]
        again = [encode_state(learner, state) for state in states]
        ensemble = learner.ensemble(states)
        plain = ensemble.scores(asked)
        each = [ensemble.scores(asked.part(at, at + 1)) for at in range(len(asked))]

    # Then nothing differs
    assert again == stored
    assert plain.tobytes() == scores.tobytes()
    assert b"".join(one.tobytes() for one in each) == scores.tobytes()


@pytest.mark.parametrize("classes", [CLASSES[:2], CLASSES])
@given(seed=st.integers(0, 2**16), most=st.sampled_from([1.0, 1e3, 1e280]), spread=st.sampled_from([2.0, 600.0]))
def test_long_rows_are_scored_alike(classes: tuple[str, ...], seed: int, most: float, spread: float) -> None:
    # Given rows of many cells, whose values are alike, or lie far apart
    rng = np.random.default_rng(seed)
    cells = rng.random((12, 60)) < rng.random((12, 1))
    size = np.exp(np.log(most) - rng.uniform(0.0, spread, (12, 60))) * rng.choice([-1.0, 1.0], (12, 60))
    drawn = Rows(
        rng.integers(0, len(classes), 12).astype(np.int32),
        np.append(0, np.cumsum(cells.sum(axis=1))).astype(np.int64),
        np.nonzero(cells)[1].astype(np.int32),
        size[cells],
    )
    learner = make_learner("linear", classes, 60, rarity=0.5)
    ensemble = learner.ensemble([learner.learn(learner.empty(), drawn.part(at, at + 4)) for at in (0, 4, 8)])

    # Then both ways give the same bytes
    scores = ensemble.scores(drawn)
    with plainly():
        assert ensemble.scores(drawn).tobytes() == scores.tobytes()


@pytest.mark.parametrize("classes", [2, 3])
def test_many_trees_vote_alike(classes: int) -> None:
    learner = make_learner("forest", CLASSES[:classes], 88, trees=60, depth=8, share=0.5)
    drawn = adult_rows(600, classes)
    shards = [drawn.take(np.arange(at, at + 200)) for at in range(0, 600, 200)]
    stored = [encode_state(learner, learner.learn(learner.empty(), shard)) for shard in shards]
    scores = learner.ensemble([decode_state(learner, one) for one in stored]).scores(drawn)
    with plainly():
        plain = learner.ensemble([decode_state(learner, one) for one in stored]).scores(drawn)
    assert plain.tobytes() == scores.tobytes()


@pytest.mark.parametrize("learner", [learner for learner, _ in LEARNERS], ids=lambda learner: learner.id)
def test_the_empty_state_is_the_same(learner: Learner) -> None:
    compiled = digest(learner, learner.empty())
    with plainly():
        assert digest(learner, learner.empty()) == compiled


odd = st.lists(st.one_of(st.text(), texts.map("".join), st.text("\ud800\udc00aΣ'\u0301 ")), max_size=8)


@given(odd, st.sampled_from([1, 7, 2**10, 2**18, 2**31 - 1]))
def test_texts_have_the_same_counts(drawn: list[str], n_features: int) -> None:
    compiled = hash_texts(drawn, n_features)
    with plainly():
        plain = hash_texts(drawn, n_features)
    assert [(a.dtype, a.tobytes()) for a in plain] == [(a.dtype, a.tobytes()) for a in compiled]


@given(st.binary(max_size=40), st.integers(0, 2**32 - 1))
def test_bytes_have_the_same_hash(data: bytes, seed: int) -> None:
    compiled = murmur3(data, seed)
    with plainly():
        assert murmur3(data, seed) == compiled


cells = st.lists(
    st.lists(
        st.tuples(
            st.integers(-1, FEATURES),
            st.sampled_from([1.0, -2.5, 2.0**31, 0.5, 0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324]),
        ),
        max_size=4,
    ),
    max_size=6,
)


@pytest.mark.parametrize("learner", [learner for learner, _ in LEARNERS], ids=lambda learner: learner.id)
@given(drawn=cells)
def test_the_same_rows_are_accepted(learner: Learner, drawn: list[list[tuple[int, float]]]) -> None:
    asked = Rows(
        np.resize(np.array([0, -1, 1, 2], np.int32), len(drawn)),
        np.cumsum([0, *map(len, drawn)]).astype(np.int64),
        np.array([index for row in drawn for index, _ in row], np.int32),
        np.array([value for row in drawn for _, value in row], np.float64),
    )
    compiled = learner.accepts(asked)
    with plainly():
        assert learner.accepts(asked).tolist() == compiled.tolist()


def grown(seed: int) -> tuple[Trees, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    learner = make_learner("forest", CLASSES[:2], FEATURES, **small)
    x = np.where(rng.random((40, FEATURES)) < 0.5, rng.integers(1, 4, (40, FEATURES)), 0).astype(np.float64)
    filled = x != 0
    drawn = Rows(
        rng.integers(0, 2, 40).astype(np.int32),
        np.append(0, np.cumsum(filled.sum(axis=1))).astype(np.int64),
        np.nonzero(filled)[1].astype(np.int32),
        x[filled],
    )
    state = learner.learn(learner.empty(), drawn)
    return Trees(*(state[name] for name in Trees._fields)), state["rows"]


@given(st.integers(0, 5), st.data())
def test_spoilt_trees_are_judged_alike(seed: int, data: st.DataObject) -> None:
    # Given trees of which a few numbers are changed
    trees, held = grown(seed)
    arrays = {name: array.copy() for name, array in trees._asdict().items()}
    for _ in range(data.draw(st.integers(0, 3))):
        array = arrays[data.draw(st.sampled_from(["feature", "threshold", "jump", "counts"]))].reshape(-1)
        array[data.draw(st.integers(0, len(array) - 1))] = data.draw(st.integers(-2, 12))
    held = held + data.draw(st.integers(-3, 3))

    # Then both ways say the same of them, also where trees may be less deep
    depth = data.draw(st.integers(0, 4))
    compiled = verdict(Trees(**arrays), held, depth)
    with plainly():
        assert verdict(Trees(**arrays), held, depth) == compiled


def verdict(trees: Trees, held: NDArray[np.int64], depth: int) -> bool:
    forest: Any = make_learner("forest", CLASSES[:2], FEATURES, **small)
    try:
        check_trees(trees, replace(forest.growth, depth=depth), held, FEATURES)
    except BadState:
        return False
    return True


def test_trees_without_rows_have_no_vote() -> None:
    trees, _ = grown(1)
    bare = trees._replace(counts=np.where(np.arange(len(trees.counts)) < len(trees.counts) // 3, 0, trees.counts.T).T)
    bare = bare._replace(counts=np.ascontiguousarray(bare.counts, np.int32))
    x = np.random.default_rng(3).random((50, FEATURES)) * 4
    compiled = predict(bare, x)
    with plainly():
        assert predict(bare, x).tobytes() == compiled.tobytes()


def test_a_kernel_without_a_plain_way_can_not_be_called_there() -> None:
    learner = make_learner("naive-bayes", CLASSES, FEATURES)
    with plainly(), pytest.raises(ModuleNotFoundError, match=r"unlearn-stream\[worker\]"):
        learner.learn(learner.empty(), Rows.concat([Rows.empty(), asked_once()]))


def asked_once() -> Rows:
    return Rows(np.zeros(1, np.int32), np.array([0, 1], np.int64), np.zeros(1, np.int32), np.ones(1))


def test_each_plain_way_is_one_that_is_compared_here() -> None:
    plain = {name.removeprefix("unlearn_models.") for name, kernel in kernels().items() if kernel.plain}
    assert {name for name in plain if not name.startswith("unlearn.")} == {
        "base.columns.row_in_order",
        "forest.predict._vote",
        "forest.verify._whole",
        "linear.kernels.probabilities",
        "naive_bayes.kernels.add_columns",
        "naive_bayes.kernels.log_scores",
        "naive_bayes.kernels.whole",
        "positive_unlabelled.held_out_rows._compare",
        "positive_unlabelled.held_out_rows.settle",
        "positive_unlabelled.held_out_rows.strike",
        "positive_unlabelled.posterior._multiply",
        "positive_unlabelled.posterior._scale",
        "positive_unlabelled.posterior._share",
        "positive_unlabelled.posterior._times_power",
        "positive_unlabelled.roles._hash",
        "text.kernels.count_tokens",
        "text.kernels.murmur3_32",
    }

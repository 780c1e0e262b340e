"""SISA in memory: whatever was deleted, each shard is the fold over its rows left; what it cost is told."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.models.corpora import as_rows, tweets
from unlearn_models import BadRows, BadSettings, Learner, NotLearned, Rows, digest, make_learner
from unlearn_models.sisa.cost_model import Rates
from unlearn_models.sisa.sisa import Cost, Sisa, naive

N, FEATURES = 300, 2**10
ROWS = as_rows(*tweets(N, seed=8), FEATURES)
RATES = Rates(learn=1.0, forget=1e-9)
HOME = np.random.default_rng(3).integers(0, 4, N)
LINEAR = make_learner("linear", ("a", "b"), FEATURES)
BAYES = make_learner("naive-bayes", ("a", "b"), FEATURES)


def fitted(learner: Learner, slices: int = 6, checkpoints: int | None = None, rates: Rates = RATES) -> Sisa:
    """As if the clocks had measured these rates."""
    sisa = Sisa(learner, 4, slices, checkpoints)
    sisa.fit(ROWS, HOME)
    sisa._rates = rates
    return sisa


def digests(sisa: Sisa) -> list[str]:
    return [digest(sisa.learner, state) for state in sisa.states()]


def expected(learner: Learner, alive: NDArray[np.bool_]) -> list[str]:
    return [digest(learner, naive(learner, ROWS, alive & (shard == HOME))) for shard in range(4)]


@pytest.mark.parametrize("learner", [LINEAR, BAYES], ids=["linear", "naive-bayes"])
@given(
    slices=st.sampled_from([1, 2, 7, 400]),
    checkpoints=st.sampled_from([None, 0, 1, 3]),
    rates=st.builds(Rates, st.just(1.0), st.sampled_from([1e-9, 1e9]), st.sampled_from([0.0, 1e9])),
    batches=st.lists(st.lists(st.integers(0, N - 1), max_size=40, unique=True), max_size=6),
)
def test_after_any_batches_each_shard_is_trained_from_scratch(
    learner: Learner, slices: int, checkpoints: int | None, rates: Rates, batches: list[list[int]]
) -> None:
    # given
    sisa, alive = fitted(learner, slices, checkpoints, rates), np.ones(N, np.bool_)
    for batch in batches:
        # when
        gone = [position for position in batch if alive[position]]
        cost = sisa.delete(gone)
        alive[gone] = False
        # then
        assert cost.shards == len(np.unique(HOME[gone]))
        assert cost.rows_learned + cost.rows_forgotten <= max(len(gone), int(alive.sum()))
    assert digests(sisa) == expected(learner, alive)
    assert sisa.rows_left == alive.sum()


@pytest.mark.parametrize("learner", [LINEAR, BAYES], ids=["linear", "naive-bayes"])
def test_a_model_of_all_deleted_rows_has_learned_nothing(learner: Learner) -> None:
    sisa = fitted(learner)
    sisa.delete(np.arange(N))
    assert digests(sisa) == [digest(learner, learner.empty())] * 4
    assert (sisa.ensemble().scores(ROWS) == 0.5).all()


def test_a_deletion_restarts_its_shard_before_the_slice_hit() -> None:
    # given
    sisa, alive = fitted(LINEAR), np.ones(N, np.bool_)
    late = int(np.flatnonzero(HOME == 2)[-1])
    early, other = (int(position) for position in np.flatnonzero(HOME == 1)[[30, -1]])
    # when: one by one, then two in a shard at once
    one = sisa.delete([late])
    both = sisa.delete([early, other])
    # then
    alive[[late, early, other]] = False
    edges = np.arange(7) * N // 6
    first = int(np.searchsorted(edges, early, "right")) - 1
    assert one == Cost(int((alive & (HOME == 2))[edges[5] :].sum()), 0, 1, {2: 5})
    assert both == Cost(int((alive & (HOME == 1))[edges[first] :].sum()), 0, 1, {1: first})


def test_fewer_checkpoints_restart_earlier() -> None:
    late = int(np.flatnonzero(HOME == 0)[-1])
    starts = [fitted(LINEAR, 6, limit).delete([late]).restarted_from[0] for limit in (0, 1, 2, 5, None)]
    assert starts == [0, 3, 4, 5, 5]


def test_what_was_deleted_or_never_there_is_refused_and_nothing_changes() -> None:
    sisa = fitted(BAYES)
    sisa.delete([7])
    before = digests(sisa)
    for positions in ([7], [8, 7], [8, 8], [N], [-1], [8, N]):
        with pytest.raises(NotLearned):
            sisa.delete(positions)
    with pytest.raises(NotLearned):
        sisa.delete([8.5])  # type: ignore[list-item]
    assert digests(sisa) == before
    assert sisa.rows_left == N - 1
    assert sisa.delete([8]) == Cost(0, 1, 1)


def test_nothing_to_delete_costs_nothing() -> None:
    assert fitted(LINEAR).delete([]) == Cost(0, 0, 0)


def test_rows_without_labels_are_deleted_too() -> None:
    labels = np.where(np.arange(N) % 3 == 0, -1, ROWS.labels).astype(np.int32)
    rows = Rows(labels, ROWS.indptr, ROWS.indices, ROWS.values)
    for learner in (LINEAR, BAYES):
        sisa, alive = Sisa(learner, 1, 5), np.arange(N) % 2 == 0
        sisa.fit(rows, np.zeros(N, np.int64))
        sisa.delete(np.flatnonzero(~alive))
        assert digest(learner, sisa.states()[0]) == digest(learner, naive(learner, rows, alive))


def test_bad_shapes_are_refused() -> None:
    for shards, slices, checkpoints in ((0, 1, None), (1, 0, None), (1, 1, -1)):
        with pytest.raises(BadSettings):
            Sisa(LINEAR, shards, slices, checkpoints)
    sisa = fitted(LINEAR)
    before = digests(sisa)
    for home in (HOME[:-1], HOME + 1, HOME - 1):
        with pytest.raises(BadSettings):
            sisa.fit(ROWS, home)
    outside = Rows(ROWS.labels + np.int32(1), ROWS.indptr, ROWS.indices, ROWS.values)
    with pytest.raises(BadRows):
        sisa.fit(outside, HOME)
    assert digests(sisa) == before


def test_a_deep_copy_forgets_as_the_original_does() -> None:
    one = fitted(LINEAR, slices=1)
    other = deepcopy(one)

    for sisa in (one, other):
        sisa.delete([3])

    assert digests(other) == digests(one)

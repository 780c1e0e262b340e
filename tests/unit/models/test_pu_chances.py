"""P(labelled | x) by exact arithmetic is what the base's own scores say."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.models.pu_rows import CLASSES, FEATURES, labelled, sample
from unlearn_models import Rows
from unlearn_models.naive_bayes.multinomial import NaiveBayes
from unlearn_models.positive_unlabelled.posterior import by_ratios


def row(label: int, cells: dict[int, float]) -> Rows:
    return Rows(
        np.array([label], np.int32),
        np.array([0, len(cells)], np.int64),
        np.array(list(cells), np.int32),
        np.array(list(cells.values()), np.float64),
    )


@pytest.mark.parametrize("alpha", [1e-100, 1e-3, 1.0, 40.0, 1e100])
def test_ratios_multiply_to_what_logs_add_up_to(alpha: float) -> None:
    # given
    base, rows = NaiveBayes(CLASSES, FEATURES, alpha=alpha), sample(900)
    kinds = labelled(rows, np.maximum(rows.labels, 0))
    state = base.learn(base.empty(), kinds.take(np.arange(600)))
    # when
    ours = by_ratios(base, state, rows)
    # then
    theirs = base.ensemble([state]).scores(rows)[:, 1]
    assert np.abs(ours - theirs).max() < 1e-12
    if alpha == 1.0:
        assert ((ours > 0.001) & (ours < 0.999)).sum() > 100


def test_chances_are_plain_numbers_however_large_the_counts() -> None:
    # given
    most = 2.0**31 - 1
    base = NaiveBayes(CLASSES, FEATURES, alpha=1e-100)
    taught = [row(0, {1: most, 2: 1.0}), row(1, {2: most, 3: 1.0}), row(1, {1: 1.0})]
    state = base.learn(base.empty(), Rows.concat(taught))
    asked = [*taught, row(-1, {1: 1.0}), row(-1, {7: most, 8: most}), row(-1, {})]
    # when
    chances = by_ratios(base, state, Rows.concat(asked)).tolist()
    # then
    assert chances[:2] == [0.0, 1.0]
    assert 0.0 < chances[2] < 1e-8
    assert chances[3] == chances[2]
    assert chances[5] == 2 / 3
    assert all(value == 0.0 or 2.0**-257 <= value <= 1.0 for value in chances)


def test_a_power_is_the_product_of_its_factors() -> None:
    # given ratios that no rounding touches
    base = NaiveBayes(CLASSES, 2, alpha=1.0)
    state = base.learn(base.empty(), Rows.concat([row(0, {0: 1.0, 1: 3.0}), row(1, {0: 3.0, 1: 1.0})]))
    for count in range(1, 60):
        # when
        (chance,) = by_ratios(base, state, row(-1, {0: float(count)}))
        # then
        assert chance == 2.0**count / (1.0 + 2.0**count)


def test_powers_far_beyond_all_floats_cancel() -> None:
    # given ratios of 2**30 and 2**-15, and as many words in either class
    base = NaiveBayes(CLASSES, 4, alpha=1.0)
    rest = 2.0**30 - 2.0**15
    taught = [row(1, {0: 2.0**30 - 1}), row(0, {1: 2.0**15 - 1, 2: rest})]
    state = base.learn(base.empty(), Rows.concat(taught))
    for asked, chance in (
        ({0: 1000.0, 1: 2000.0}, 1 / 2),
        ({0: 1001.0, 1: 2000.0}, 2.0**30 / (2.0**30 + 1)),
        ({0: 1000.0, 1: 2001.0}, 1 / (2.0**15 + 1)),
        ({0: 2000.0, 1: 2000.0}, 1.0),
        ({0: 1000.0, 1: 4000.0}, 0.0),
    ):
        # then
        assert by_ratios(base, state, row(-1, asked)).tolist() == [chance]

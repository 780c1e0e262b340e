"""Every method of the study says the same after two deletions as after one of all those rows."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.unit.study.small_problem import problem
from unlearn_study.cells import Cell
from unlearn_study.contender import Contender, contender
from unlearn_study.methods.protocol import Method

CELLS = {
    "naive": Cell("naive", "naive-bayes"),
    "sisa": Cell("sisa", "linear", 2, 2),
    "pu": Cell("pu", "pu-naive-bayes", 2, 2),
    "forest": Cell("forest", "forest"),
}
WITHOUT = ("forest", "retrained")
"""What a forest must equal is its rival."""


@cache
def made(name: str) -> Contender:
    return contender(CELLS[name], problem())


def built(name: str, role: str) -> Method:
    make = getattr(made(name), role)
    method: Method = make()
    method.build(made(name).split.train, made(name).shard)
    return method


ROLES = [(name, role) for name in CELLS for role in ("method", "rival", "retrained") if (name, role) != WITHOUT]


@pytest.mark.parametrize(("name", "role"), ROLES)
def test_positions_are_those_of_the_rows_it_was_built_on(name: str, role: str) -> None:
    at_once, one_by_one = built(name, role), built(name, role)
    untouched = one_by_one.copy()
    before = untouched.publish()

    at_once.delete(np.array([0, 1, 7, 8]))
    one_by_one.delete(np.array([0, 7]))
    one_by_one.delete(np.array([1, 8]))

    assert one_by_one.publish() == at_once.publish() != before
    assert untouched.publish() == before


@pytest.mark.parametrize(("name", "role"), [("naive", "retrained"), ("forest", "rival")])
def test_a_row_that_was_deleted_before_is_refused_and_nothing_changes(name: str, role: str) -> None:
    method = built(name, role)
    method.delete(np.array([3]))
    before = method.publish()

    with pytest.raises(IndexError, match="deleted before"):
        method.delete(np.array([2, 3]))

    assert method.publish() == before

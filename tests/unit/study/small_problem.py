"""A small experiment for the tests."""

from __future__ import annotations

from unlearn_study.deletions import Effort
from unlearn_study.problem import Problem, make_problem
from unlearn_study.sources.generated import generated

BRIEF = Effort({1: 2, 20: 1}, paired=1)


def problem(rows: int = 400, seed: int = 1) -> Problem:
    return make_problem(generated(rows, seed), seed)

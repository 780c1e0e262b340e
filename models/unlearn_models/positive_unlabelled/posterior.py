"""P(labelled | x) by one shard's own model, in bytes that are the same on every CPU.

Naive Bayes' own scores go through the platform's log and exp, which differ in the last bit.  Here its odds are
a product of ratios of counts: + - * / and comparisons only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.columns import find
from unlearn_models.base.errors import BadSettings
from unlearn_models.base.kernel import f64, i32, i64, itself, kernel, none, reads, writes
from unlearn_models.base.learner import Learner, State
from unlearn_models.base.rows import Rows
from unlearn_models.naive_bayes.multinomial import NaiveBayes

Chances = Callable[[Any, State, Rows], NDArray[np.float64]]

# A number is x * 2**(512 e), with x in 2**-256..2**256: a product of two never leaves the normal range.
_LARGE, _SMALL = 2.0**256, 2.0**-256
_UP, _DOWN = 2.0**512, 2.0**-512
_scaled = (f64, i64)


def chances_of(base: Learner) -> Chances:
    """The function that gives P(labelled | x) by this base; its results have the same bytes on every CPU.

    It takes the base, a state with rows of both kinds, and rows, and gives (n,) float64.  Raises BadSettings for a base
    that has none.
    """
    way = _WAYS.get(base.id)
    if way is None:
        raise BadSettings(f"{base.id} can't learn from positive and unlabelled rows; {', '.join(_WAYS)} can")
    return way


def by_ratios(base: NaiveBayes, state: State, rows: Rows) -> NDArray[np.float64]:
    """P(labelled | x) by multinomial naive Bayes, (n,) float64; odds outside 2**-256..2**256 give 0 or 1."""
    cells = find(state["features"], rows.indices, base.n_features)
    # The last column stands for features never seen.
    counts = np.zeros((2, len(state["features"]) + 1), np.float64)
    counts[:, :-1] = state["counts"]
    totals = state["counts"].sum(axis=1) + base.alpha * base.n_features
    out = np.empty(len(rows), np.float64)
    ratios = (counts[1] + base.alpha) / (counts[0] + base.alpha)
    prior = float(state["rows"][1]) / float(state["rows"][0])
    _multiply(rows.indptr, cells, rows.values, ratios, float(totals[0] / totals[1]), prior, out)
    return out


def by_scores(base: Learner, state: State, rows: Rows) -> NDArray[np.float64]:
    """P(labelled | x), (n,) float64, by a base whose own scores have the same bytes on every CPU."""
    return base.ensemble([state]).scores(rows)[:, 1].copy()


_WAYS: Mapping[str, Chances] = {"linear": cast(Chances, by_scores), "naive-bayes": by_ratios}


@kernel(_scaled, f64, i64, plain=itself)
def _scale(x: float, e: int) -> tuple[float, int]:
    while x > _LARGE:
        x, e = x * _DOWN, e + 1
    while 0.0 < x < _SMALL:
        x, e = x * _UP, e - 1
    return x, e


@kernel(_scaled, f64, i64, f64, i64, plain=itself)
def _times_power(x: float, e: int, ratio: float, n: int) -> tuple[float, int]:
    """x * 2**(512 e) times ratio**n, by repeated squaring, in the same form."""
    power, power_e = _scale(ratio, 0)
    while n > 0:
        if n & 1:
            x, e = _scale(x * power, e + power_e)
        n >>= 1
        if n > 0:
            power, power_e = _scale(power * power, 2 * power_e)
    return x, e


@kernel(f64, f64, i64, plain=itself)
def _share(x: float, e: int) -> float:
    """odds / (1 + odds), for odds of x * 2**(512 e)."""
    if e != 0:
        return 1.0 if e > 0 else 0.0
    return x / (1.0 + x)


@kernel(none, reads(i64), reads(i32), reads(f64), reads(f64), f64, f64, writes(f64), plain=itself)
def _multiply(
    indptr: NDArray[np.int64],
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    ratios: NDArray[np.float64],
    totals: float,
    prior: float,
    out: NDArray[np.float64],
) -> None:
    for row in range(len(out)):
        x, e = _scale(prior, 0)
        words = 0
        for cell in range(indptr[row], indptr[row + 1]):
            count = int(values[cell])
            x, e = _times_power(x, e, ratios[cells[cell]], count)
            words += count
        x, e = _times_power(x, e, totals, words)
        out[row] = _share(x, e)

"""Measures one cell: what building and deleting cost, beside naive retraining, and whether deleting is exact.

Cost is processor time of this process, so that other work on the machine counts little; the first run of each
measurement is a warm-up and not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean, median
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

from unlearn_study.contender import Contender
from unlearn_study.deletions import Effort, batch, recent
from unlearn_study.methods.protocol import Method

__all__ = ["measure"]

P = ParamSpec("P")
Gone = NDArray[np.int64]

_BUILDS = 5


def measure(contender: Contender, effort: Effort, seed: int) -> dict[str, Any]:
    """The cell's figures for results.json: seconds of processor time, bytes of memory, accuracies in 0..1."""
    method, builds = _built(contender)
    rival = contender.rival()
    rival.build(contender.split.train, contender.shard)
    rows = len(contender.split.train)
    return {
        "rows": rows,
        "rows_tested": len(contender.split.test),
        "build_s": _summary(builds),
        "publish_s": _summary([_seconds(method.publish) for _ in range(_BUILDS + 1)][1:]),
        "memory_bytes": method.bytes(),
        "memory_bytes_naive": rival.bytes(),
        "accuracy": _accuracy(method, contender),
        "accuracy_naive": _accuracy(rival, contender),
        "deletions": [
            _deletions(contender, method, rival, effort, count, partial(batch, rows, count, seed=seed))
            for count in effort.counts(rows)
        ],
        "recent": _deletions(contender, method, rival, effort, 1, partial(recent, rows, seed=seed)),
    }


def _built(contender: Contender) -> tuple[Method, list[float]]:
    seconds = []
    for _ in range(_BUILDS + 1):
        method = contender.method()
        seconds.append(_seconds(method.build, contender.split.train, contender.shard))
    return method, seconds[1:]


def _deletions(
    contender: Contender, method: Method, rival: Method, effort: Effort, count: int, drawn: Callable[..., Gone]
) -> dict[str, Any]:
    ours: list[float] = []
    naive: list[float] = []
    exact = []
    for run in range(-1, effort.runs[count]):
        gone = drawn(run=run + 1)
        live, paired = method.copy(), run < effort.paired
        other = rival.copy()
        turns = [(ours, live), (naive, other)] if paired else [(ours, live)]
        # The second one finds the processor's caches warm, so they take turns at going first.
        for seconds, one in turns[:: 1 if run % 2 else -1]:
            seconds.append(_seconds(one.delete, gone))
        if paired:
            exact.append(_consistency(contender, live, _retrained(contender, other, gone)))
    return {"count": count, "ours_s": _summary(ours[1:]), "naive_s": _summary(naive[1:]), **_worst(exact)}


def _retrained(contender: Contender, rival: Method, gone: Gone) -> Method:
    """A model that must equal the method's: trained from scratch on the rows left."""
    if contender.retrained is None:
        return rival
    alive = np.ones(len(contender.split.train), np.bool_)
    alive[gone] = False
    fresh = contender.retrained()
    fresh.build(contender.split.train.take(alive), contender.shard[alive])
    return fresh


def _consistency(contender: Contender, live: Method, fresh: Method) -> dict[str, Any]:
    mine, theirs = (method.scores(contender.split.test).argmax(axis=1) for method in (live, fresh))
    truth = contender.split.test.labels
    return {
        "equal": live.publish() == fresh.publish(),
        "agreement": float(np.mean(mine == theirs)),
        "accuracy": float(np.mean(mine == truth)),
        "accuracy_retrained": float(np.mean(theirs == truth)),
    }


def _worst(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Equal only if all runs are; the least agreement; the mean accuracies."""
    return {
        "compared": len(found),
        "equal": all(one["equal"] for one in found),
        "agreement": min(one["agreement"] for one in found),
        "accuracy": fmean(one["accuracy"] for one in found),
        "accuracy_retrained": fmean(one["accuracy_retrained"] for one in found),
    }


def _accuracy(method: Method, contender: Contender) -> float:
    test = contender.split.test
    return float(np.mean(method.scores(test).argmax(axis=1) == test.labels))


def _seconds(call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    began = time.process_time()
    call(*args, **kwargs)
    return time.process_time() - began


def _summary(seconds: list[float]) -> dict[str, Any]:
    return {"median": median(seconds), "mean": fmean(seconds), "runs": seconds}

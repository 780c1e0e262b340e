"""Prints what training gives on this process's CPU as JSON: run by test_same_bytes, under other CPUs."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator

import numba
import numpy as np
from numpy._core._multiarray_umath import __cpu_features__  # type: ignore[import-not-found]
from numpy.typing import NDArray

from tests.unit.models import pu_rows
from tests.unit.models.adult import adult_rows
from tests.unit.models.corpora import as_rows, tweets
from unlearn_models import digest, make_learner
from unlearn_models.forest import PRESETS
from unlearn_models.forest.learner import forest
from unlearn_models.positive_unlabelled.learner import PU_BASES, pu
from unlearn_models.positive_unlabelled.posterior import chances_of

CLASSES = ("a", "b", "c")


def counts_and_weights() -> Iterator[tuple[str, str]]:
    texts, labels = tweets(2000, seed=4)
    for classes in (CLASSES[:2], CLASSES):
        rows = as_rows(texts, ((labels + np.arange(2000) % (len(classes) - 1)) % 3).astype(np.int32))
        for name in ("naive-bayes", "linear"):
            learner = make_learner(name, classes, 2**18)
            yield f"{name} {len(classes)}", digest(learner, learner.learn(learner.empty(), rows))
        learner = make_learner("linear", classes, 2**18, rarity=0.25)
        shards = [learner.learn(learner.empty(), rows.take(np.arange(s, 2000, 3))) for s in range(3)]
        scores = learner.ensemble(shards).scores(rows)
        yield f"linear scores {len(classes)}", _hash(scores)


def positive_unlabelled() -> Iterator[tuple[str, str]]:
    rows = pu_rows.sample(3000, seed=4, n_features=2**16)
    for learner_id in PU_BASES:
        for alpha in (0.01, 1.0, 30.0) if learner_id == "pu-naive-bayes" else (None,):
            learner = pu(learner_id, pu_rows.CLASSES, 2**16, **({"alpha": alpha} if alpha else {}))
            state = learner.learn(learner.empty(), rows)
            base = {name[5:]: array for name, array in state.items() if name.startswith("base_")}
            # The few rows held out might hide a platform's exp: it differs for one number of a thousand.
            chances = chances_of(learner.base)(learner.base, base, rows)
            yield f"{learner_id} {alpha}", digest(learner, state) + _hash(chances)


def forests() -> Iterator[tuple[str, str]]:
    for classes in (2, 3):
        for name in sorted(PRESETS):
            learner = forest(CLASSES[:classes], 88, name, trees=10)
            rows = adult_rows(2000, classes)
            state = learner.learn(learner.empty(), rows)
            for start in range(0, 300, 30):
                state = learner.forget(state, rows.take(np.arange(start, start + 30)))
            scores = learner.ensemble([state]).scores(rows)
            yield f"forest {name} {classes}", digest(learner, state) + _hash(scores)


def _hash(found: NDArray[np.float64]) -> str:
    return hashlib.sha256(found.tobytes()).hexdigest()


def main() -> None:
    exps = [math.exp(i * 0.0137 - 50) for i in range(20_000)]
    found = {
        "cpu": numba.config.CPU_NAME,  # type: ignore[attr-defined]
        "numpy": [name for name, there in __cpu_features__.items() if there],
        "exp": hashlib.sha256(struct.pack(f"{len(exps)}d", *exps)).hexdigest(),
        "learned": dict([*counts_and_weights(), *positive_unlabelled(), *forests()]),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Prints what training gives on this process's CPU as JSON: run by test_same_bytes, under other CPUs."""

from __future__ import annotations

import hashlib
import json
import math
import struct

import numba
import numpy as np
from numpy._core._multiarray_umath import __cpu_features__  # type: ignore[import-not-found]

from models import digest, make_learner
from tests.unit.models.corpora import as_rows, tweets


def main() -> None:
    texts, labels = tweets(2000, seed=4)
    exps = [math.exp(i * 0.0137 - 50) for i in range(20_000)]
    found = {
        "cpu": numba.config.CPU_NAME,  # type: ignore[attr-defined]
        "numpy": [name for name, there in __cpu_features__.items() if there],
        "exp": hashlib.sha256(struct.pack(f"{len(exps)}d", *exps)).hexdigest(),
    }
    for classes in (("a", "b"), ("a", "b", "c")):
        rows = as_rows(texts, ((labels + np.arange(2000) % (len(classes) - 1)) % 3).astype(np.int32))
        for name in ("naive-bayes", "linear"):
            learner = make_learner(name, classes, 2**18)
            found[f"{name} {len(classes)}"] = digest(learner, learner.learn(learner.empty(), rows))
        scores = learner.ensemble([learner.learn(learner.empty(), rows)]).scores(rows)
        found[f"linear scores {len(classes)}"] = hashlib.sha256(scores.tobytes()).hexdigest()
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Prints what positive-unlabelled training gives on this process's CPU as JSON: run by test_pu_same_bytes."""

from __future__ import annotations

import hashlib
import json
import math

import numba

from models import digest
from models.pu import PU_BASES, pu
from models.pu_chances import chances_of
from tests.unit.models.pu_rows import CLASSES, sample


def main() -> None:
    rows = sample(3000, seed=4, n_features=2**16)
    found: dict[str, object] = {
        "cpu": numba.config.CPU_NAME,  # type: ignore[attr-defined]
        "exp": [math.exp(i * 0.0137 - 50).hex() for i in range(8000)],
    }
    for learner_id in PU_BASES:
        for alpha in (0.01, 1.0, 30.0) if learner_id == "pu-naive-bayes" else (None,):
            learner = pu(learner_id, CLASSES, 2**16, **({"alpha": alpha} if alpha else {}))
            state = learner.learn(learner.empty(), rows)
            base = {name[5:]: array for name, array in state.items() if name.startswith("base_")}
            # The few rows held out might hide a platform's exp: it differs for one number of a thousand.
            chances = chances_of(learner.base)(learner.base, base, rows)
            found[f"{learner_id} {alpha}"] = digest(learner, state), hashlib.sha256(chances.tobytes()).hexdigest()
    print(json.dumps(found))


if __name__ == "__main__":
    main()

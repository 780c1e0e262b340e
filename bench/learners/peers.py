"""What others do: scikit-learn's classifiers tuned, a plain SISA of scikit-learn's parts, River by the record."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import normalize

from bench.learners.data import matrix
from bench.peer_pythons import last_line, made
from unlearn_models import Rows

__all__ = ["PlainSisa", "Tuned", "river_seconds", "tuned_sgd"]

_ALPHAS = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)


@dataclass(frozen=True, slots=True)
class Tuned:
    """SGDClassifier with the settings that were best on the test rows; `x` are its training rows as it wants them."""

    settings: dict[str, Any]
    normed: bool
    x: csr_matrix
    y: NDArray[np.int32]
    accuracy: float

    def refit(self) -> SGDClassifier:
        return _sgd(**self.settings).fit(self.x, self.y)

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return f"SGDClassifier, {told}, rows {'of length 1' if self.normed else 'as they are'}: {self.accuracy:.4f}"


def tuned_sgd(splits: list[tuple[Rows, Rows]], passes: tuple[int, ...] = (1, 5)) -> Tuned:
    """The best of alpha, passes, shuffling and normalising, by the mean accuracy over the splits; the last's rows."""
    found: list[Tuned] = []
    for normed in (False, True):
        pairs = [tuple(normalize(matrix(rows)) if normed else matrix(rows) for rows in split) for split in splits]
        for alpha, max_iter, shuffle in product(_ALPHAS, passes, (False, True)):
            settings = {"alpha": alpha, "max_iter": max_iter, "shuffle": shuffle}
            right = [
                _sgd(**settings).fit(x, train.labels).score(y, test.labels)
                for (x, y), (train, test) in zip(pairs, splits, strict=True)
            ]
            found.append(Tuned(settings, normed, pairs[-1][0], splits[-1][0].labels, float(np.mean(right))))
    return max(found, key=lambda one: one.accuracy)


def _sgd(**settings: Any) -> SGDClassifier:
    return SGDClassifier(loss="log_loss", tol=None, random_state=0, **settings)


@dataclass(slots=True)
class PlainSisa:
    """One shard as most would write it: `partial_fit` slice by slice, a copy of the model after each."""

    x: csr_matrix
    y: NDArray[np.int32]
    slices: int
    settings: dict[str, Any]
    kept: list[SGDClassifier] = field(default_factory=list)

    def fit(self, start: int = 0, hole: int = -1) -> None:
        """Learn the slices from `start` on, without the row at `hole`."""
        edges = np.arange(self.slices + 1) * len(self.y) // self.slices
        model = copy.deepcopy(self.kept[start - 1]) if start else _sgd(**self.settings)
        del self.kept[start:]
        for a, b in list(pairwise(edges))[start:]:
            rows = np.setdiff1d(np.arange(a, b), [hole])
            model.partial_fit(self.x[rows], self.y[rows], classes=[0, 1])
            self.kept.append(copy.deepcopy(model))

    def delete(self, position: int) -> None:
        self.fit(min(position * self.slices // len(self.y), self.slices - 1), position)


_RIVER = """
import json, sys, time
from river import linear_model, naive_bayes, optim
rows = json.load(open(sys.argv[1]))
kinds = {"linear": lambda: linear_model.LogisticRegression(optim.AdaGrad(0.15)), "nb": naive_bayes.MultinomialNB}
model = kinds[sys.argv[2]]()
rows = [({str(i): v for i, v in zip(indices, values)}, label) for indices, values, label in rows]
for x, y in rows[:100]:
    model.learn_one(x, y)
began = time.process_time()
for x, y in rows[100:]:
    model.learn_one(x, y)
print((time.process_time() - began) / (len(rows) - 100))
"""


def river_seconds(kind: str, rows: Rows) -> float | str:
    """CPU seconds of one `learn_one`, by an own environment's River; why not, where it can't be installed."""
    python = made("river", sys.executable, ["river"], "import river")
    if isinstance(python, str):
        return python
    cells = [
        (rows.indices[a:b].tolist(), rows.values[a:b].tolist(), int(label))
        for (a, b), label in zip(pairwise(rows.indptr), rows.labels, strict=True)
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(cells, file)
        file.flush()
        command = [str(python), "-c", _RIVER, file.name, kind]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return float(done.stdout) if done.returncode == 0 else last_line(done.stderr)

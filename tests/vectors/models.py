"""The small models that the vectors are about: how each was made, and states of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.harness.settings import settings_of
from unlearn import Settings
from unlearn.identity import identity_hash, identity_of
from unlearn.learners import learner_of
from unlearn_models import Learner, Rows, State, hash_texts

__all__ = ["SHARDS", "SmallModel", "model_of"]

HAM = (("see you at lunch", 0), ("minutes of the meeting", 0), ("lunch at noon?", 0))
SPAM = (("win a prize now", 1), ("free prize", 1), ("cheap pills, cheap!", 1))
SHARDS = (HAM[:2] + SPAM[:1], HAM[2:] + SPAM[1:2], SPAM[2:])
"""The rows of three shards, of which the last has one class alone."""


@dataclass(frozen=True, slots=True)
class SmallModel:
    """A model's settings and learner, and its identity: the canonical JSON and its hash."""

    settings: Settings
    learner: Learner

    @property
    def made(self) -> str:
        return identity_of(self.settings, self.learner)

    @property
    def identity(self) -> str:
        return identity_hash(self.made)

    def rows(self, texts: Sequence[str], labels: Sequence[int] | None = None) -> Rows:
        """The texts as rows, without labels unless they are given."""
        known = np.array(labels if labels is not None else [-1] * len(texts), np.int32)
        return Rows(known, *hash_texts(texts, self.learner.n_features))

    def state(self, rows: Sequence[tuple[str, int]]) -> State:
        """The state of these texts with labels."""
        learned = self.rows([text for text, _ in rows], [label for _, label in rows])
        return self.learner.learn(self.learner.empty(), learned)


def model_of(learner: str, classes: tuple[str, ...] = ("ham", "spam"), **changed: Any) -> SmallModel:
    """A model of the name `demo` with 1,024 features, two partitions and two shards in each, unless changed."""
    values: dict[str, Any] = {
        "model": "demo",
        "learner": learner,
        "classes": classes,
        "features": 2**10,
        "partitions": 2,
        "shards_per_partition": 2,
    }
    settings = settings_of(**values | changed)
    return SmallModel(settings, learner_of(settings))

"""Learners by name."""

from __future__ import annotations

from typing import Any

from models.errors import BadSettings
from models.learner import Learner
from models.linear import Linear
from models.naive_bayes import NaiveBayes

LEARNERS: dict[str, type[NaiveBayes | Linear]] = {kind.id: kind for kind in (NaiveBayes, Linear)}


def make_learner(learner_id: str, classes: tuple[str, ...], n_features: int, **hyper: Any) -> Learner:
    """The learner of this name; hyper are its own settings.  Raises BadSettings."""
    kind = LEARNERS.get(learner_id)
    if kind is None:
        raise BadSettings(f"there is no learner {learner_id!r}; there are {', '.join(sorted(LEARNERS))}")
    try:
        return kind(tuple(classes), n_features, **hyper)
    except TypeError:
        raise BadSettings(f"{learner_id} takes none of: {', '.join(sorted(hyper))}") from None

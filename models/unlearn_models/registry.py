"""Learners by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from unlearn_models.base.errors import BadSettings
from unlearn_models.base.learner import Learner
from unlearn_models.linear.logistic import Linear
from unlearn_models.naive_bayes.complement import ComplementNaiveBayes
from unlearn_models.naive_bayes.multinomial import NaiveBayes
from unlearn_models.positive_unlabelled.learner import PU_BASES, pu


def _forest(classes: tuple[str, ...], n_features: int, **hyper: Any) -> Learner:
    # Imported on demand: its kernels take a third of the package's time to load.
    from unlearn_models.forest.learner import forest

    return forest(classes, n_features, **hyper)


LEARNERS: Mapping[str, Callable[..., Learner]] = MappingProxyType(
    {
        NaiveBayes.id: NaiveBayes,
        ComplementNaiveBayes.id: ComplementNaiveBayes,
        Linear.id: Linear,
        "forest": _forest,
        **{name: partial(pu, name) for name in PU_BASES},
    }
)


def make_learner(learner_id: str, classes: tuple[str, ...], n_features: int, **hyper: Any) -> Learner:
    """The learner registered under this id in `LEARNERS`; `hyper` are its own settings.

    Raises BadSettings for an unknown id, an unknown setting, or a value that a setting can't take.
    """
    make = LEARNERS.get(learner_id)
    if make is None:
        raise BadSettings(f"there is no learner {learner_id!r}; there are {', '.join(sorted(LEARNERS))}")
    try:
        return make(tuple(classes), n_features, **hyper)
    except (TypeError, OverflowError):
        raise BadSettings(f"{learner_id} doesn't take all of: {', '.join(sorted(hyper))}") from None


def learner_from(settings: Mapping[str, Any]) -> Learner:
    """The learner whose `settings()` are these, as they stand in a model's identity.

    Raises BadSettings where this release has none.
    """
    names = {*settings} - {"learner", "version", "classes", "n_features", "base"}
    hyper = {name: settings[name] for name in names}
    base = settings.get("base")
    if isinstance(base, Mapping):
        hyper |= {name: value for name, value in base.items() if name in base.keys() - {*settings, "learner"}}
    try:
        learner = make_learner(settings["learner"], tuple(settings["classes"]), settings["n_features"], **hyper)
    except (KeyError, TypeError):
        raise BadSettings("these are no learner's settings") from None
    whole = type(settings["n_features"]) is int and all(isinstance(name, str) for name in learner.classes)
    if learner.settings() != settings or not whole:
        raise BadSettings(f"{settings['learner']} of these settings is another release's")
    return learner

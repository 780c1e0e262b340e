"""Identities of models, as manifests bear them in `made`, and what a reader learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors.models import SmallModel, model_of
from unlearn_models import settings_hash

__all__ = ["lines"]


def _models() -> Iterator[tuple[str, SmallModel]]:
    yield "naive Bayes", model_of("naive-bayes")
    yield "a whole number as an option", model_of("naive-bayes", learner_options={"alpha": 1})
    yield "a very small option", model_of("naive-bayes", learner_options={"alpha": 1e-7})
    yield "a very large option", model_of("naive-bayes", learner_options={"alpha": 1e22})
    odd = ("a\\u00e9", "\u00e9", "\x7f\u2028", '"\\/\b\f\n\r\t\0', "\U0001f468\u200d\U0001f469", "learner_settings")
    yield "names of classes that JSON writes in several ways", model_of("complement-naive-bayes", odd)
    yield "linear", model_of("linear", learner_options={"lr": 0.1, "eps": 1e-6})
    yield "forest", model_of("forest", features=1024, learner_options={"preset": "accurate", "seed": 2**62})
    yield "positive and unlabelled", model_of("pu-linear", learner_options={"held_out": 0.25})
    yield "many partitions", model_of("naive-bayes", partitions=10_000, shards_per_partition=1024, features=2**30)


def lines() -> Iterator[dict[str, Any]]:
    """A line a model."""
    for what, model in _models():
        settings, learner = model.settings, model.learner
        yield {
            "what": what,
            "made": model.made,
            "identity": model.identity,
            "model": settings.model,
            "learner": learner.id,
            "settings_hash": settings_hash(learner),
            "classes": list(learner.classes),
            "features": learner.n_features,
            "partitions": settings.partitions,
            "shards_per_partition": settings.shards_per_partition,
        }

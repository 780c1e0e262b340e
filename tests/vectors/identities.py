"""Identities of models, as manifests bear them in `made`, and what a reader learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.vectors.models import SmallModel, model_of
from unlearn.identity import identity_hash
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
    """A line an identity: `good` says whether a reader takes it."""
    for what, model in _models():
        settings, learner = model.settings, model.learner
        yield {
            "what": what,
            "made": model.made,
            "identity": model.identity,
            "good": True,
            "model": settings.model,
            "learner": learner.id,
            "settings_hash": settings_hash(learner),
            "classes": list(learner.classes),
            "features": learner.n_features,
            "partitions": settings.partitions,
            "shards_per_partition": settings.shards_per_partition,
        }
    model = model_of("naive-bayes")
    yield {"what": "of another identity", "made": model.made, "identity": "0" * 64, "good": False}
    for what, made in _bad(model.made):
        yield {"what": what, "made": made, "identity": identity_hash(made), "good": False}


def _bad(made: str) -> Iterator[tuple[str, str]]:
    """Identities that no reader takes, each with its right hash."""
    yield "no JSON", made[:-1]
    yield "no object", "[]"
    yield "null", "null"
    yield "letters of another Unicode", made.replace('"unicode":"14.0.0"', '"unicode":"15.0.0"')
    yield "a learner that nobody knows", made.replace("naive-bayes", "naive-baize")
    yield "another version of the learner", made.replace('"version":1', '"version":2')
    yield "an option that nobody knows", made.replace('"alpha":1.0', '"alpha":1.0,"beta":1')
    yield "without the learner's settings", made.replace("learner_settings", "learner_setting")
    yield "no partitions", made.replace('"partitions":2', '"partitions":0')
    yield "partitions below none", made.replace('"partitions":2', '"partitions":-1')
    yield "a fraction of partitions", made.replace('"partitions":2', '"partitions":2.5')
    yield "partitions as a text", made.replace('"partitions":2', '"partitions":"2"')
    yield "a flag for partitions", made.replace('"partitions":2', '"partitions":true')
    yield "more partitions than a model has", made.replace('"partitions":2', '"partitions":10001')
    yield "partitions beyond belief", made.replace('"partitions":2', '"partitions":1000000000000000')
    yield "infinitely many partitions", made.replace('"partitions":2', '"partitions":1e999')
    yield "no shards", made.replace('"shards_per_partition":2', '"shards_per_partition":0')
    yield "more shards than a partition has", made.replace('"shards_per_partition":2', '"shards_per_partition":1025')
    yield "a number for the model's name", made.replace('"model":"demo"', '"model":7')
    yield "settings of a learner in a list", made.replace('"learner_settings":{', '"learner_settings":[],"settings":{')
    yield "one class", made.replace('"classes":["ham","spam"],"learner":', '"classes":["ham"],"learner":')
    yield "a class twice", made.replace('"classes":["ham","spam"],"learner":', '"classes":["ham","ham"],"learner":')
    yield "classes that are numbers", made.replace('"classes":["ham","spam"],"learner":', '"classes":[1,2],"learner":')
    yield "no features", made.replace('"n_features":1024', '"n_features":0')
    yield "a fraction of a feature", made.replace('"n_features":1024', '"n_features":1024.5')
    yield "features as a text", made.replace('"n_features":1024', '"n_features":"1024"')
    yield "an option that is none", made.replace('"alpha":1.0', '"alpha":0.0')
    yield "an option as a text", made.replace('"alpha":1.0', '"alpha":"1.0"')
    yield (
        "a learner that is no name",
        made.replace('"learner":"naive-bayes","learner_settings"', '"learner_settings"').replace(
            '"learner":"naive-bayes"', '"learner":["naive-bayes"]'
        ),
    )
    yield "nested deeply", "[" * 30_000
    yield "without partitions", made.replace('"partitions"', '"partition"')
    yield "without shards", made.replace("shards_per_partition", "shards_a_partition")

"""Whatever the scanner takes, the parser reads the same; and it takes what producers usually send."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from tests.harness.insert_messages import LABELS, mangled, usual_message
from tests.harness.scanned import Model, agreed, model_of
from unlearn.events.event import Insert, encode
from unlearn_models import make_learner
from unlearn_models.registry import LEARNERS
from unlearn_study.generator.tweet_generator import tweets

WIDTH = 40
BATCH = 500


def model_named(name: str) -> Model:
    return model_of(make_learner(name, LABELS[:2] if name.startswith("pu") else LABELS, WIDTH))


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_what_is_taken_of_usual_and_mangled_messages_is_what_the_parser_reads(name: str) -> None:
    rng, model = Random(name), model_named(name)
    for _ in range(4):
        usual = [usual_message(rng, WIDTH) for _ in range(BATCH)]
        assert len(agreed(model, usual)) > BATCH // 4
        assert agreed(model, [mangled(rng, one, other) for one, other in pairwise(usual)])


def test_every_event_of_the_generator_is_taken() -> None:
    model = model_of(make_learner("naive-bayes", ("ham", "spam"), 1 << 18))
    messages = [encode(Insert.model_validate(tweet)) for tweet in tweets(5000, 1)]

    assert agreed(model, messages) == [*range(len(messages))]


def test_every_feature_that_python_prints_is_taken() -> None:
    rng, model = Random(1), model_named("linear")
    rows = [[rng.gauss(0.0, 1.0) * 10.0 ** rng.randrange(-25, 8) for _ in range(20)] for _ in range(2000)]
    dense = [encode(Insert(event_id="e", record_id="r", features=tuple(row))) for row in rows]
    sparse = [encode(Insert(event_id="e", record_id="r", features=dict(enumerate(row)))) for row in rows]

    assert agreed(model, dense + sparse) == [*range(2 * len(rows))]

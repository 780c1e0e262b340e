"""Most labels are hidden: scores over c find what g alone calls unlabelled."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score, recall_score

from tests.unit.models.pu_rows import CLASSES, labelled
from unlearn_models import Rows, hash_texts
from unlearn_models.positive_unlabelled.learner import PU_BASES, pu
from unlearn_study.generator.tweet_generator import tweets

FEATURES = 2**14


def stream(n: int, seed: int) -> tuple[Rows, NDArray[np.bool_]]:
    events = list(tweets(n, seed, noise=0.0))
    positive = np.array([event["label"] == "spam" for event in events])
    return Rows(positive.astype(np.int32), *hash_texts([e["text"] for e in events], FEATURES)), positive


@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("share", [0.2, 0.4])
@pytest.mark.parametrize("learner_id", sorted(PU_BASES))
def test_scores_over_c_find_more_than_g_alone(learner_id: str, share: float, shards: int) -> None:
    # given
    learner = pu(learner_id, CLASSES, FEATURES)
    (train, positive), (test, truth) = stream(6000, 1), stream(3000, 2)
    known = positive & (np.random.default_rng(3).random(6000) < share)
    train = labelled(train, np.where(known, 1, -1).astype(np.int32))
    states = [learner.learn(learner.empty(), train.take(np.arange(6000) % shards == k)) for k in range(shards)]
    # when
    ensemble = learner.ensemble(states)
    g, corrected = (model.scores(test)[:, 1] >= 0.5 for model in (ensemble.g, ensemble))
    # then
    recalls, f1s = ([score(truth, found) for found in (g, corrected)] for score in (recall_score, f1_score))
    print(f"{learner_id} {share} {shards} shards: c {ensemble.c:.3f}, recall {recalls}, F1 {f1s}")
    assert recalls[1] > recalls[0]
    assert f1s[1] > f1s[0]
    assert f1s[1] > 0.4

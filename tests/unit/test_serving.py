"""What is served are probabilities: anything else that a model says is an error."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.harness.results_harness import FEATURES, HAM, SPAM, ResultsHarness
from unlearn.errors import AnswerInvalid
from unlearn.scoring.serving import Served
from unlearn_models import Rows, hash_texts, make_learner
from unlearn_study.generator.tweet_generator import tweets


@dataclass
class Saying:
    """An ensemble that says so."""

    said: Any

    def scores(self, rows: Rows) -> NDArray[np.float64]:
        return np.array(self.said, np.float64)


@pytest.mark.parametrize(
    "said",
    [
        [[0.5, 0.5], [float("nan"), 0.5]],
        [[0.5, 0.5], [0.5, float("inf")]],
        [[0.5, 0.5], [-0.1, 1.1]],
        [[0.5, 0.5], [1.5, -0.5]],
        [[0.5, 0.5], [0.2, 0.2]],
        [[0.5, 0.5], [0.0, 0.0]],
    ],
    ids=str,
)
def test_no_answer_but_probabilities_is_served(tmp_path: Path, said: Any) -> None:
    served = Served(ResultsHarness(tmp_path, "linear").learner, Saying(said), 1, ())

    for ask in (served.scores, served.predict):
        with pytest.raises(AnswerInvalid, match="input 2 of 2") as error:
            ask(["one", "two"])
        assert error.value.row == 1


@pytest.mark.parametrize("said", [[[0.5, 0.5]], [0.5, 0.5], [[1.0], [1.0]], [[0.3, 0.3, 0.4]] * 2], ids=str)
def test_no_answer_of_another_shape_is_served(tmp_path: Path, said: Any) -> None:
    with pytest.raises(AnswerInvalid, match="shape"):
        Served(ResultsHarness(tmp_path, "linear").learner, Saying(said), 1, ()).scores(["one", "two"])


def test_probabilities_and_none_at_all_are_served(tmp_path: Path) -> None:
    learner = ResultsHarness(tmp_path, "linear").learner

    served = Served(learner, Saying([[0.0, 1.0], [0.25, 0.75]]), 1, ())
    assert served.predict(["one", "two"]) == ["spam", "spam"]
    assert Served(learner, Saying(np.empty((0, 2))), 1, ()).scores([]).scores.shape == (0, 2)


def test_an_input_that_overflows_a_real_model_is_an_error(tmp_path: Path) -> None:
    harness = ResultsHarness(tmp_path, "naive-bayes")
    harness.publish(0, 1, HAM)
    harness.publish(1, 1, SPAM)
    far = Rows(np.full(1, -1, np.int32), np.array([0, 1]), np.array([FEATURES - 1], np.int32), np.array([1e308]))

    with pytest.raises(AnswerInvalid, match="input 1 of 1"):
        harness.scorer().once(0).scores(far)


@pytest.mark.parametrize("name", ["naive-bayes", "complement-naive-bayes", "linear", "pu-naive-bayes", "pu-linear"])
@pytest.mark.parametrize("n_features", [500, 2**18, 2**24])
def test_an_answer_does_not_depend_on_the_texts_beside_it(name: str, n_features: int) -> None:
    events = list(tweets(1200, 7))
    texts, other = [event["text"] for event in events], -1 if name.startswith("pu") else 0
    known = np.array([1 if event["label"] == "spam" else other for event in events], np.int32)
    learner = make_learner(name, ("ham", "spam"), n_features)
    rows = Rows(known, *hash_texts(texts, n_features))
    states = [learner.learn(learner.empty(), rows.part(start, start + 200)) for start in range(0, 1000, 200)]
    served = Served(learner, learner.ensemble([*states, learner.empty()]), 1, ())

    asked = [*texts[900:], ""]

    together = served.scores(asked)

    assert served.predict(asked) == together.labels()
    for at in (0, 99, 100, 299, 300):
        assert served.scores([asked[at]]).scores.tolist() == together.scores[at : at + 1].tolist()

"""A scorer whose settings are not the model's has no answer, and says which setting or why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.harness.results_harness import HAM, LEASE, PROBE, SPAM, ResultsHarness
from unlearn.errors import NotEnough, Refused
from unlearn.identity import identity_of
from unlearn.scoring.published_model import of_settings
from unlearn.scoring.scorer import Scorer
from unlearn.settings import LearnerName, Settings

OTHERS: list[dict[str, Any]] = [
    {"learner": "linear"},
    {"learner": "complement-naive-bayes"},
    {"learner_options": {"alpha": 0.5}},
    {"classes": ("spam", "ham")},
    {"classes": ("ham", "spam", "other")},
    {"classes": ("ham", "spma")},
    {"features": 2**9},
    {"features": 2**11},
    {"partitions": 1},
    {"shards_per_partition": 1},
    {"shards_per_partition": 3},
    {"slice_span": 999},
    {"subjects": False},
    {"secret": SecretStr("another secret, of another model")},
]


@pytest.fixture
def harness(tmp_path: Path) -> ResultsHarness:
    return stage_of_two(tmp_path)


def stage_of_two(folder: Path, **changed: Any) -> ResultsHarness:
    """A model of two partitions, both published."""
    harness = ResultsHarness(folder, "naive-bayes", **changed)
    harness.publish(0, 1, HAM)
    harness.publish(1, 1, SPAM)
    return harness


def scorer_of(harness: ResultsHarness, **changed: Any) -> Scorer:
    given = {name: value for name, value in harness.settings if name in harness.settings.model_fields_set}
    settings = Settings(**given | changed)
    return Scorer(settings, harness.log, harness.store, of_settings(settings), lambda: harness.now)


@pytest.mark.parametrize("quorum", [0.0, 1.0])
@pytest.mark.parametrize("changed", OTHERS, ids=str)
def test_a_scorer_with_other_settings_has_no_answer(
    harness: ResultsHarness, changed: dict[str, Any], quorum: float
) -> None:
    scorer = scorer_of(harness, **changed, quorum=quorum)
    scorer.poll(0)
    for partition in (0, 1):
        harness.beat(partition, 1)
    scorer.poll(0)

    with pytest.raises(NotEnough, match="is refused"):
        scorer.scores(PROBE)
    with pytest.raises(NotEnough, match="is refused"):
        scorer.once(0)
    assert harness.store.fetched == []


def test_a_scorer_with_the_models_settings_and_other_ones_of_its_own_answers(harness: ResultsHarness) -> None:
    scorer = scorer_of(harness, lease=LEASE + 1, checkpoints=3, window=7.0, drain_within=1.0)

    assert scorer.once(0).scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM).tobytes()


def test_a_scorer_of_fewer_partitions_names_those_beyond(harness: ResultsHarness) -> None:
    with pytest.raises(NotEnough) as error:
        scorer_of(harness, partitions=1).once(0)

    assert "UNLEARN_PARTITIONS" in str(error.value) or "other settings" in str(error.value)
    scorer = scorer_of(harness, partitions=1)
    scorer.poll(0)
    assert "UNLEARN_PARTITIONS is 1" in scorer.problems[1]


def test_half_of_a_model_is_never_served_for_the_whole(tmp_path: Path) -> None:
    # given an identity handed to the scorer, which doesn't depend on its number of partitions
    harness = stage_of_two(tmp_path, events_partitions=3)
    harness.publish(2, 1, SPAM)
    scorer = harness.scorer()
    scorer.poll(0)
    for partition in (0, 1, 2):
        harness.beat(partition, 1)
    scorer.poll(0)

    for ask in (lambda: scorer.scores(PROBE), lambda: scorer.once(0)):
        with pytest.raises(NotEnough, match="partitions 2 too, and UNLEARN_PARTITIONS is 2") as error:
            ask()
        assert error.value.left_out == (0, 1)


def test_what_another_model_of_the_name_has_left_beyond_is_named_and_stops_nobody(tmp_path: Path) -> None:
    harness = stage_of_two(tmp_path, events_partitions=6)
    harness.publish(5, 1, SPAM, identity="2" * 64)
    scorer = harness.scorer()

    assert scorer.once(0).scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM).tobytes()
    assert "it has a manifest, and UNLEARN_PARTITIONS is 2" in scorer.problems[5]


def test_a_scorer_of_more_partitions_than_the_topic_is_refused(harness: ResultsHarness) -> None:
    with pytest.raises(Refused, match="UNLEARN_PARTITIONS"):
        scorer_of(harness, partitions=3).once(0)


@pytest.mark.parametrize(
    ("learner", "one", "other"),
    [
        ("naive-bayes", {"alpha": 2}, {"alpha": 2.0}),
        ("naive-bayes", {"alpha": 10**30}, {"alpha": 1e30}),
        ("naive-bayes", {"alpha": True}, {"alpha": 1.0}),
        ("complement-naive-bayes", {"alpha": 10**30}, {"alpha": 1e30}),
        ("linear", {"lr": 1, "eps": 1, "rarity": 0}, {"lr": 1.0, "eps": 1.0, "rarity": 0.0}),
        ("forest", {"trees": 3, "share": 1}, {"trees": 3, "share": 1.0}),
        ("pu-linear", {"lr": 1}, {"lr": 1.0}),
        ("pu-naive-bayes", {"alpha": 3}, {"alpha": 3.0}),
    ],
    ids=str,
)
def test_options_that_differ_in_type_alone_make_the_same_model_and_answer(
    tmp_path: Path, learner: LearnerName, one: dict[str, Any], other: dict[str, Any]
) -> None:
    rows = [(text, label) for text, label in [*HAM, *SPAM] if label or not learner.startswith("pu-")]
    first, second = (ResultsHarness(tmp_path / str(n), learner, learner_options=o) for n, o in enumerate((one, other)))

    assert identity_of(first.settings, first.learner) == identity_of(second.settings, second.learner)
    for harness in (first, second):
        harness.publish(0, 1, rows)
        harness.publish(1, 1, rows)
    answers = {harness.scorer().once(0).scores(PROBE).scores.tobytes() for harness in (first, second)}
    assert len(answers) == 1

"""What a model is, its manifests say: enough to serve it without its settings and its secret."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.harness.results_harness import HAM, PROBE, SPAM, ResultsHarness
from tests.harness.settings import settings_of
from unlearn.errors import ArtefactInvalid, NotEnough, SettingsError
from unlearn.identity import identity_of
from unlearn.learners import learner_of
from unlearn.scoring.connecting import given_settings, published_model
from unlearn.scoring.published_model import PublishedModel, differences, read_made
from unlearn.scoring.scorer import Scorer
from unlearn.settings import LearnerName
from unlearn_models import BadSettings
from unlearn_models.registry import LEARNERS, learner_from

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "naive-bayes": [{}, {"alpha": 0.25}],
    "complement-naive-bayes": [{}, {"alpha": 2, "norm": True}],
    "linear": [{}, {"lr": 0.5, "eps": 1e-5}, {"rarity": 0.25}],
    "forest": [{}, {"preset": "accurate"}, {"trees": 3, "share": 0.5, "seed": 4}],
    "pu-naive-bayes": [{}, {"held_out": 0.3, "seed": 9, "alpha": 0.5}],
    "pu-linear": [{}, {"lr": 0.2}],
}


@pytest.fixture
def harness(tmp_path: Path) -> ResultsHarness:
    return ResultsHarness(tmp_path, "naive-bayes", learner_options={"alpha": 0.5}, classes=("ham", "spam"))


def publish(harness: ResultsHarness, **changed: Any) -> None:
    for partition, rows in enumerate((HAM, SPAM)):
        harness.publish(partition, 1, rows, **{"made": harness.made, **changed})
        harness.beat(partition, 1)


def found(harness: ResultsHarness, identity: str | None = None, /, **given: Any) -> PublishedModel:
    settings = given_settings({"model": "demo", **given})
    return published_model(harness.log, settings, ("model", *given), identity, 0.0)


def test_a_description_of_a_model_of_another_name_is_refused(harness: ResultsHarness) -> None:
    made = harness.made.replace('"model":"demo"', '"model":"mail"')
    publish(harness, made=made, identity=hashlib.sha256(made.encode()).hexdigest())

    with pytest.raises(NotEnough, match="another name"):
        found(harness)


@pytest.mark.parametrize(("name", "options"), [(name, one) for name, all_ in OPTIONS.items() for one in all_], ids=str)
def test_a_learner_is_made_from_its_settings(name: LearnerName, options: dict[str, Any]) -> None:
    settings = settings_of(learner=name, learner_options=options, classes=("a", "b"), features=512)
    learner = learner_of(settings)

    again = learner_from(json.loads(json.dumps(learner.settings())))

    assert again.settings() == learner.settings()
    assert again == learner


def test_no_learner_is_left_out_here() -> None:
    assert set(OPTIONS) == set(LEARNERS)


@pytest.mark.parametrize(
    "changed",
    [{"version": 9}, {"learner": "other"}, {"alpha": "x"}, {"unknown": 1}, {"classes": None}, {"alpha": None}],
)
def test_settings_that_no_learner_of_this_release_has_are_refused(changed: dict[str, Any]) -> None:
    settings = {**learner_of(settings_of()).settings(), **changed}
    with pytest.raises(BadSettings):
        learner_from({name: value for name, value in settings.items() if value is not None})


def test_who_knows_the_name_alone_is_told_the_rest(harness: ResultsHarness) -> None:
    publish(harness)

    model = found(harness)

    assert (model.name, model.partitions, model.shards_per_partition) == ("demo", 2, 2)
    assert model.learner == harness.learner
    assert model.identities == {harness.identity}
    scorer = Scorer(given_settings({"model": "demo"}), harness.log, harness.store, model, lambda: harness.now)
    assert scorer.once(0).scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM).tobytes()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"learner": "linear"}, "learner"),
        ({"classes": ("ham", "spam", "other")}, "classes"),
        ({"features": 2**9, "partitions": 3}, "features, partitions"),
        ({"learner_options": {"alpha": 0.7}}, "learner_options alpha"),
        ({"secret": "of another model, of its own"}, "secret"),
        ({"mapping": "cloudevents"}, "mapping"),
        ({"tombstones": "ignore"}, "tombstones"),
        ({"subjects": False}, "subjects"),
    ],
)
def test_what_is_given_by_hand_and_differs_is_an_error_that_names_it(
    harness: ResultsHarness, given: dict[str, Any], named: str
) -> None:
    publish(harness)
    with pytest.raises(SettingsError, match=f"other settings than these: {named}\\."):
        found(harness, **given)


def test_what_is_given_by_hand_and_is_the_models_is_well(harness: ResultsHarness) -> None:
    publish(harness)
    secret = harness.settings.secret.get_secret_value()
    own = {"learner": "naive-bayes", "learner_options": {"alpha": 0.5}, "partitions": 2, "tombstones": "refuse"}
    own |= {"mapping": "plain", "classes": ("ham", "spam")}

    assert found(harness, secret=secret, lease=3.5, heartbeat_every=1.0, **own).identities == {harness.identity}


@pytest.mark.parametrize(("name", "options"), [(name, one) for name, all_ in OPTIONS.items() for one in all_], ids=str)
def test_a_models_own_options_are_no_difference(tmp_path: Path, name: LearnerName, options: dict[str, Any]) -> None:
    harness = ResultsHarness(tmp_path, name, learner_options=options)
    manifest = harness.manifest(0, 1, harness.without_rows(0, 0), made=harness.made)
    model = read_made(manifest)
    assert model is not None

    assert differences(model, harness.settings, ("learner", "learner_options", "secret")) == []
    for option, value in options.items():
        one = settings_of(learner=name, learner_options={option: value})
        assert option == "preset" or differences(model, one, ("learner_options",)) == []


def test_no_manifest_is_no_model(harness: ResultsHarness) -> None:
    with pytest.raises(NotEnough, match=r"no version of demo is on demo\.results yet"):
        found(harness)


def test_manifests_of_before_ask_for_the_models_settings(harness: ResultsHarness) -> None:
    publish(harness, made="")
    with pytest.raises(SettingsError, match="of an earlier release: give the model's own settings"):
        found(harness)


def test_of_several_models_one_has_to_be_named(harness: ResultsHarness) -> None:
    publish(harness)
    other = harness.made.replace('"slice_span":2000', '"slice_span":1999')
    hashed = hashlib.sha256(other.encode()).hexdigest()
    harness.publish(1, 2, SPAM, made=other, identity=hashed)

    with pytest.raises(NotEnough, match=f"several models are there: .*{hashed}"):
        found(harness)
    assert found(harness, harness.identity).identities == {harness.identity}
    assert found(harness, hashed).identities == {hashed}
    with pytest.raises(NotEnough, match="no version"):
        found(harness, "0" * 64)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda made: made + " ", "not what its identity stands for"),
        (lambda made: made.replace('"alpha":0.5', '"alpha":0.25'), "not what its identity stands for"),
    ],
)
def test_a_description_must_be_that_of_the_identity(harness: ResultsHarness, change: Any, match: str) -> None:
    publish(harness, made=change(harness.made))
    with pytest.raises(NotEnough, match=match):
        found(harness)


@pytest.mark.parametrize(
    "changed",
    [
        {"learner_settings": {"learner": "naive-bayes", "version": 9}},
        {"learner_settings": {}},
        {"learner_settings": 7},
        {"partitions": "x"},
        {"partitions": None},
        {"unicode": "1.0"},
    ],
    ids=str,
)
def test_a_model_that_this_release_cannot_serve_is_refused(harness: ResultsHarness, changed: dict[str, Any]) -> None:
    made = json.dumps({**json.loads(harness.made), **changed})
    manifest = harness.manifest(0, 1, [], made=made, identity=hashlib.sha256(made.encode()).hexdigest())
    with pytest.raises(ArtefactInvalid):
        read_made(manifest)


@pytest.mark.parametrize("made", ["", "[]", "7", "null", '{"model"', '{"model": "demo"}'])
def test_a_description_that_says_nothing(harness: ResultsHarness, made: str) -> None:
    manifest = harness.manifest(0, 1, [], made=made, identity=hashlib.sha256(made.encode()).hexdigest())
    if made:
        with pytest.raises(ArtefactInvalid):
            read_made(manifest)
    else:
        assert read_made(manifest) is None


def test_all_that_a_worker_publishes_tells_no_secret() -> None:
    settings = settings_of()
    made = identity_of(settings, learner_of(settings))
    assert settings.secret.get_secret_value() not in made


def test_an_identity_that_no_manifest_bears_is_told_beside_those_that_are_there(harness: ResultsHarness) -> None:
    publish(harness)

    with pytest.raises(NotEnough, match=f"no version of the identity {'0' * 64}.* but of {harness.identity}"):
        found(harness, "0" * 64)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"store": "/srv/store"}, "store: give a URL"),
        ({"bootstrap_servers": "a:1", "kafka": {"bootstrap_servers": "b:1"}}, "given twice"),
    ],
)
def test_what_is_given_wrongly_by_hand_is_told(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        given_settings({"model": "demo", **given})

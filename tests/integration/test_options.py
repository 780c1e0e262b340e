"""Every learner with options of its own, through all that makes one: worker, restart, both checks, scorers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.harness.events import delete, insert, send
from tests.harness.processes import Case, Ended, run_each
from tests.harness.settings import settings_of
from tests.harness.waiting import until
from unlearn.admin.topics import create
from unlearn.cli.commands.scorers.manifest import newest_results
from unlearn.environment.redis_client import connect
from unlearn.events.event import Event, Insert
from unlearn.learners import learner_of
from unlearn.log.kafka.log import KafkaLog
from unlearn.scoring.scorer import Scorer
from unlearn.settings import Settings
from unlearn.storage.artefacts import open_store
from unlearn.training.pool import InlineTrainers
from unlearn.worker.assembly import assemble
from unlearn.worker.loop import Worker
from unlearn_models import Rows, hash_texts
from unlearn_models.base.encoding import decode_state
from unlearn_models.registry import LEARNERS

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "naive-bayes": {"alpha": 0.25},
    "complement-naive-bayes": {"alpha": 2},
    "linear": {"lr": 0.4, "eps": 0.1, "rarity": 0.25},
    "forest": {"preset": "accurate", "trees": 7, "depth": 4, "seed": 3},
    "pu-naive-bayes": {"held_out": 0.4, "seed": 5, "alpha": 0.5},
    "pu-linear": {"held_out": 0.5, "seed": 9, "lr": 0.4},
}
TEXT = "free prize now"
SECONDS = 400.0
"""For each round of commands, on however busy a machine."""

pytestmark = pytest.mark.timeout(4 * SECONDS)
each = pytest.mark.parametrize("learner", sorted(OPTIONS))


@dataclass(frozen=True)
class Played:
    """What each model's commands said in the end."""

    settings: Settings
    ended: Mapping[str, Ended]


@pytest.fixture(scope="module")
def played(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Each model is drained, told more, drained by another process, and looked at by every command at once."""
    folder = tmp_path_factory.mktemp("options")
    models = {learner: model_with_options(kafka, redis_url, folder, learner) for learner in OPTIONS}
    base = models["naive-bayes"]
    with closing(KafkaLog(base.kafka)) as log:
        for settings in models.values():
            create(log, settings)
            send_all(log, settings, [row(number, settings) for number in range(60)])
        first = run_each(base, folder, {name: case(s, "work", "--drain") for name, s in models.items()}, SECONDS)
        for settings in models.values():
            send_all(log, settings, [delete(f"r{number}", event_id=f"d{number}") for number in range(0, 20, 3)])
            send_all(log, settings, [row(number, settings) for number in range(60, 80)])
    assert {name: done.returncode for name, done in first.items()} == dict.fromkeys(models, 0), first
    again = run_each(base, folder, {name: case(s, "work", "--drain") for name, s in models.items()}, SECONDS)
    asked = folder / "asked"
    asked.write_text(f"{TEXT}\n")
    looks = {
        "verify": ("verify",),
        "from-log": ("verify", "--from-log"),
        "score": ("score", str(asked), "--json"),
    }
    cases = {f"{name} {look}": case(s, *words) for name, s in models.items() for look, words in looks.items()}
    seen = run_each(base, folder, cases, SECONDS)
    return {
        name: Played(settings, {"again": again[name], **{look: seen[f"{name} {look}"] for look in looks}})
        for name, settings in models.items()
    }


def model_with_options(kafka: str, redis_url: str, folder: Path, learner: str) -> Settings:
    values: dict[str, Any] = {
        "learner": learner,
        "learner_options": OPTIONS[learner],
        "features": 256,
        "partitions": 1,
        "shards_per_partition": 2,
        "slice_span": 30,
        "seal_after": 0.5,
        "window": 0.0,
        "heartbeat_every": 0.5,
        "trainers": 0,
        "kafka": {"bootstrap_servers": kafka},
        "redis": {"url": redis_url},
        "store": {"url": (folder / learner).as_uri()},
        "services_dir": folder,
    }
    return settings_of(**values)


def case(settings: Settings, *words: str) -> Case:
    given = {name: getattr(settings, name) for name in ("model", "learner", "learner_options")}
    shown = {f"UNLEARN_{name.upper()}": v if isinstance(v, str) else json.dumps(v) for name, v in given.items()}
    return Case(words, shown | {"UNLEARN_STORE__URL": settings.store.url})


def row(number: int, settings: Settings) -> Insert:
    spam = number % 2 == 1
    text = f"free prize now offer{number % 17}" if spam else f"see you at lunch place{number % 13}"
    label = None if settings.learner.startswith("pu-") and not spam else ("ham", "spam")[spam]
    return insert(f"r{number}", event_id=f"i{number}", label=label, text=text)


def send_all(log: KafkaLog, settings: Settings, events: list[Event]) -> None:
    with closing(log.producer()) as producer:
        send(producer, settings, events)


def test_every_learner_is_tried_with_options_that_make_another_model() -> None:
    assert set(OPTIONS) == set(LEARNERS)
    for name, options in OPTIONS.items():
        given = settings_of(learner=name, features=256, learner_options=options)
        assert learner_of(given).settings() != learner_of(given.model_copy(update={"learner_options": {}})).settings()


@pytest.mark.slow
@each
@pytest.mark.parametrize("look", ["again", "verify", "from-log"])
def test_a_model_with_options_goes_on_after_a_restart_and_is_equal(
    played: dict[str, Played], learner: str, look: str
) -> None:
    done = played[learner].ended[look]

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@each
def test_a_model_with_options_answers_by_its_published_states(played: dict[str, Played], learner: str) -> None:
    settings, done = played[learner].settings, played[learner].ended["score"]

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["left_out"] == []
    assert [list(answer["scores"].values())] == by_the_states(settings)
    assert answer["scores"]["spam"] > answer["scores"]["ham"]
    with Scorer.connect(settings) as scorer:
        assert scorer.once(60.0).scores([TEXT]).scores.tolist() == by_the_states(settings)


def by_the_states(settings: Settings) -> list[list[float]]:
    """What the newest manifest's states say of the text."""
    learner, store = learner_of(settings), open_store(settings.store, settings.model)
    with closing(KafkaLog(settings.kafka)) as log:
        manifest = newest_results(log, settings).of(0).manifest
    assert manifest is not None
    states = [decode_state(learner, store.get(entry.file)) for entry in manifest.shards if entry.rows]
    assert len(states) == settings.shards_per_partition
    rows = Rows(np.full(1, -1, np.int32), *hash_texts([TEXT], settings.features))
    found: list[list[float]] = learner.ensemble(states).scores(rows).tolist()
    return found


@pytest.mark.slow
@each
def test_a_scorer_follows_a_model_with_options_under_its_owners_heartbeats(
    played: dict[str, Played], learner: str
) -> None:
    settings = played[learner].settings
    with working(settings) as worker, Scorer.connect(settings).start() as scorer:
        until(lambda: [worker.turn(), not scorer.left_out][1], 60, "the partition is served")
        served = scorer.scores([TEXT])

    assert served.scores.tolist() == by_the_states(settings)


@contextmanager
def working(settings: Settings) -> Iterator[Worker]:
    """A worker in this process, that claims what another has left."""
    learner, store = learner_of(settings), open_store(settings.store, settings.model)
    client = connect(settings.redis.url.get_secret_value())
    with closing(KafkaLog(settings.kafka)) as log, closing(client):
        worker = Worker(assemble(settings, log, client, store, learner, InlineTrainers(learner, store)))
        with closing(worker):
            yield worker

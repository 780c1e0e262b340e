"""Models that earlier code made, with their topics, Redis and store, go on: worked on, verified, scored.

tests/from_before holds them, and says how they were made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic

from tests.conftest import MakeSettings
from tests.from_before.keeping import forget_keys, put_keys, put_records, put_store, records_of, unpack
from tests.harness.processes import run
from unlearn.admin.topics import wanted
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings

HERE = Path(__file__).parents[1] / "from_before"
LEARNERS = sorted(folder.parent.name for folder in HERE.glob("*/model.json"))
LONG = 180.0  # s
pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

Place = tuple[int, int]
"""(partition, shard)."""


class Model(NamedTuple):
    """A model from before, put into this run's services; `digests` are those that it had published."""

    settings: Settings
    folder: Path
    digests: dict[Place, str]

    def unlearn(self, *arguments: str, given: str = "") -> str:
        """The command's output; it must end with 0."""
        done = run(self.settings, *arguments, given=given, seconds=LONG)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr[-3000:]}"
        return done.stdout

    def send(self, *events: dict[str, Any]) -> None:
        self.unlearn("send", "-", given="".join(json.dumps(event) + "\n" for event in events))

    def published(self) -> dict[Place, str]:
        """The digests that stand now."""
        log = KafkaLog(self.settings.kafka)
        try:
            ends = log.bounds(self.settings.results_topic)[0]
            read = log.read(self.settings.results_topic, 0, *ends)
            return _newest((record.key, record.value) for record in read)
        finally:
            log.close()

    def receipts(self, event_id: str) -> set[str]:
        log = KafkaLog(self.settings.kafka)
        try:
            read = log.read(self.settings.receipts_topic, 0, *log.bounds(self.settings.receipts_topic)[0])
            return {json.loads(record.value or b"{}")["state"] for record in read if record.key == event_id.encode()}
        finally:
            log.close()


@pytest.fixture(scope="module", params=LEARNERS)
def learner(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def model(learner: str, make_settings: MakeSettings, kafka: str, tmp_path: Path) -> Iterator[Model]:
    folder = HERE / learner
    values = {
        name.removeprefix("UNLEARN_").lower(): _value(value)
        for name, value in json.loads((folder / "model.json").read_text())["settings"].items()
    }
    mark = make_settings().model
    topics = {role: f"{mark}.{role}" for role in ("events", "results", "receipts", "dead_letters", "history")}
    settings = make_settings(**values, topics=topics)
    _put_topics(folder, settings, kafka)
    put_store(folder, tmp_path / "store")
    client: redis.Redis = redis.Redis.from_url(settings.redis.url.get_secret_value())
    log = KafkaLog(settings.kafka)
    try:
        forget_keys(client, settings.model)
        put_keys(folder, client, {"cluster_id": log.cluster_id(), "topic_id": log.topic_id(settings.events_topic)})
        results = ((unpack(r["key"]), unpack(r["value"])) for r in records_of(folder) if r["topic"] == "results")
        yield Model(settings, folder, _newest(results))
        forget_keys(client, settings.model)
    finally:
        log.close()
        client.close()


def test_there_are_models_of_before() -> None:
    assert {"naive-bayes", "linear"} <= set(LEARNERS)


def test_a_model_from_before_goes_on(model: Model) -> None:
    model.unlearn("work", "--drain")
    assert model.published() == model.digests
    model.unlearn("verify")
    model.unlearn("verify", "--from-log")

    person = {"record_id": "new1", "subject_id": "a new person", "text": "win cash prize now", "label": "spam"}
    model.send(
        {"type": "insert", "event_id": "n1", **person},
        {"type": "insert", "event_id": "n2", **person, "record_id": "new2"},
        {"type": "delete", "event_id": "gone1", "requested_at": "2026-01-02T00:00:00Z", "subject_id": "a new person",
         "record_id": "new1"},
    )  # fmt: skip
    model.unlearn("work", "--drain")
    now = model.published()
    changed = {place for place in now if now[place] != model.digests[place]}
    assert len(changed) == 1, "only the shard of the one person that wrote may have changed"

    model.send(
        {"type": "delete", "event_id": "gone2", "requested_at": "2026-01-02T00:00:00Z", "subject_id": "s9"},
        {"type": "delete", "event_id": "gone3", "requested_at": "2026-01-02T00:00:00Z", "record_id": "r2"},
        {"type": "insert", "event_id": "n3", "record_id": "again", "subject_id": "s7", "text": "win", "label": "spam"},
    )
    model.unlearn("work", "--drain")
    model.unlearn("verify")
    model.unlearn("verify", "--from-log")
    for deletion in ("gone1", "gone2", "gone3"):
        assert "hidden" in model.receipts(deletion)
    assert "forgotten" in model.unlearn("record", "--subject", "s9")


def test_a_model_from_before_scores(model: Model) -> None:
    model.unlearn("work", "--drain")
    lines = model.unlearn("score", "-", "--json", given="win cash prize now\nsee you at noon\n").splitlines()
    spam, ham = (json.loads(line)["scores"]["spam"] for line in lines)
    assert spam > ham


def _value(text: str) -> Any:
    return json.loads(text) if text.startswith(("[", "{")) else text


def _put_topics(folder: Path, settings: Settings, bootstrap: str) -> None:
    """As `topics create` makes them, but for the time while records from before keep theirs."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        specs = wanted(settings)
        timed = {"message.timestamp.type": "CreateTime"}
        admin.create_topics(
            [NewTopic(spec.name, spec.partitions, 1, topic_configs={**spec.config, **timed}) for spec in specs],
            wait_for_metadata=True,
        )
        roles = ("events", "results", "receipts", "dead-letters")
        names = dict(zip(roles, (spec.name for spec in specs), strict=False))
        put_records(folder, bootstrap, names)
        back = {"message.timestamp.type": "LogAppendTime"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name, configs=back) for spec in specs])
    finally:
        admin.close()


def _newest(records: Any) -> dict[Place, str]:
    """Of each shard the digest in the newest manifest."""
    manifests = [json.loads(value) for _, value in records if value and b'"shards"' in value]
    manifests.sort(key=lambda one: (one["token"]["counter"], one["sequence"]))
    return {(one["partition"], entry["shard"]): entry["digest"] for one in manifests for entry in one["shards"]}

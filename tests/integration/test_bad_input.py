"""What can't work is refused with one line that says what to do, before anything is consumed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from kafka import KafkaAdminClient

from tests.conftest import MakeSettings
from tests.harness.processes import Case, Process, run, run_each
from unlearn.admin.topics import create, wanted
from unlearn.environment.redis_client import connect
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import TopicSpec
from unlearn.services.address import free_port
from unlearn.settings import Settings

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def log(kafka: str, make_settings: MakeSettings) -> Iterator[KafkaLog]:
    made = KafkaLog(make_settings().kafka)
    yield made
    made.close()


class Refusal(NamedTuple):
    """How a command is to end: its code, and what its message says."""

    case: Case
    code: int
    words: str


def refusal(command: str, code: int, words: str, **changed: str) -> Refusal:
    return Refusal(Case(tuple(command.split()), changed), code, words)


def check(settings: Settings, folder: Path, refusals: Mapping[str, Refusal]) -> None:
    """Every command is refused as it should be, with one line of text."""
    ended = run_each(settings, folder, {name: one.case for name, one in refusals.items()})
    told = {name: plain(one.stderr) for name, one in ended.items()}
    assert {name: one.returncode for name, one in ended.items()} == {n: r.code for n, r in refusals.items()}, told
    assert [lines for lines in told.values() if len(lines) != 1 or not lines[0].startswith("error: ")] == []
    assert [told[name][0] for name, one in refusals.items() if one.words not in told[name][0]] == []
    assert {one.stdout for one in ended.values()} == {""}


def plain(errors: str) -> list[str]:
    """The lines that are no log lines."""
    return [line for line in errors.splitlines() if not line.startswith("{")]


def test_wrong_settings(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings()
    refusals = {
        "out of bounds": refusal("work", 64, "UNLEARN_SLICE_SPAN: ", UNLEARN_SLICE_SPAN="0"),
        "unknown": refusal("work", 64, "did you mean UNLEARN_SLICE_SPAN?", UNLEARN_SLICESPAN="9"),
        "no secret": refusal("work", 64, "UNLEARN_SECRET: is not set", UNLEARN_SECRET=""),
        "one class": refusal("work", 64, "UNLEARN_CLASSES: ", UNLEARN_CLASSES='["ham"]'),
        "no duration": refusal("work", 64, "UNLEARN_LEASE: ", UNLEARN_LEASE="soon"),
        "no file": refusal("--config there-is-none.toml work", 64, "there-is-none.toml"),
        "no such store": refusal("work", 64, "UNLEARN_STORE__URL", UNLEARN_STORE__URL="ftp://host/folder"),
    }
    check(settings, tmp_path, refusals)
    assert untouched(settings)


def test_a_secret_is_never_repeated(make_settings: MakeSettings) -> None:
    ended = run(make_settings(), "work", UNLEARN_SECRET="pass-word-1", UNLEARN_REDIS__URL="nonsense://me:pass-word-2@x")
    assert ended.returncode == 64
    assert "UNLEARN_SECRET: is shorter than 16 bytes" in ended.stderr
    assert "UNLEARN_REDIS__URL: not a URL" in ended.stderr
    assert "pass-word" not in ended.stdout + ended.stderr


def test_services_that_do_not_answer(make_settings: MakeSettings, log: KafkaLog, tmp_path: Path) -> None:
    settings = make_settings()
    create(log, settings)
    kafka = {
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
        "UNLEARN_KAFKA__REQUEST_TIMEOUT": "1",
    }
    commands = ("work", "work --drain", "verify", "verify --from-log", "manifest", "status", "topics create")
    refusals = {name: refusal(name, 69, "UNLEARN_KAFKA__BOOTSTRAP_SERVERS", **kafka) for name in commands}
    redis = {"UNLEARN_REDIS__URL": f"redis://me:pass-word@127.0.0.1:{free_port()}/0"}
    for name in ("work", "status", "record an-id"):
        refusals[f"{name}, no Redis"] = refusal(name, 69, "UNLEARN_REDIS__URL", **redis)
    check(settings, tmp_path, refusals)
    assert untouched(settings)


def test_topics_that_are_missing_or_too_small(make_settings: MakeSettings, log: KafkaLog, tmp_path: Path) -> None:
    settings = make_settings(partitions=4)
    small = f"{settings.model}.small"
    log.create(TopicSpec(small, 3))
    for spec in wanted(settings)[1:]:
        log.create(spec)
    chosen = {"UNLEARN_TOPICS__EVENTS": small}
    refusals = {
        "none": refusal("work", 66, "unlearn topics create"),
        "none to drain": refusal("work --drain", 66, "unlearn topics create"),
        "too small": refusal("work", 65, "has 3 partitions, the model needs 4", **chosen),
        "too small to verify": refusal("verify --from-log", 65, "UNLEARN_PARTITIONS", **chosen),
    }
    check(settings, tmp_path, refusals)
    assert untouched(settings)


def test_another_identity_than_the_model_was_made_with(
    make_settings: MakeSettings, log: KafkaLog, tmp_path: Path
) -> None:
    # Given a model
    settings = make_settings(trainers=0)
    create(log, settings)
    insert = {"type": "insert", "event_id": "e", "record_id": "r", "label": "ham", "text": "a word"}
    producer = log.producer()
    sent = producer.send(settings.events_topic, 0, b"r", json.dumps(insert).encode())
    sent.result(30)
    producer.close()
    with Process(settings, tmp_path, "work", "--drain") as worker:
        assert worker.wait(60) == 0, worker.errors()
    before = state(settings)
    assert before
    # When it is started with other settings
    changed = {
        "slice_span": "7",
        "shards_per_partition": "2",
        "learner": "linear",
        "classes": '["spam", "ham"]',
        "features": "1024",
        "subjects": "false",
        "secret": "another secret of 16 bytes or more",
        "partitions": "3",
    }
    refusals = {
        name: refusal("work", 65, name, **{f"UNLEARN_{name.upper()}": value}) for name, value in changed.items()
    }
    check(settings, tmp_path, refusals)
    # Then it is as it was
    assert state(settings) == before


def test_the_hint_at_a_new_model_builds_it_from_the_same_events(
    make_settings: MakeSettings, log: KafkaLog, tmp_path: Path
) -> None:
    # Given a model, and a start with other settings that is refused with a hint
    settings = make_settings(trainers=0, partitions=1)
    create(log, settings)
    insert = '{"type":"insert","event_id":"e","record_id":"r","label":"ham","text":"a word"}'
    for words, given in ((("send", "-"), insert), (("work", "--drain"), "")):
        assert run(settings, *words, given=given).returncode == 0
    refused = run(settings, "work", "--drain", UNLEARN_FEATURES="1024")
    assert refused.returncode == 65
    # When the hint is followed
    hint = refused.stderr.partition("build a new model from the same events: ")[2]
    ((name, topic),) = re.findall(r"(UNLEARN_TOPICS__EVENTS)=(\S+),", hint)
    (command,) = re.findall(r"`unlearn (.*?)`", hint)
    assert "set UNLEARN_MODEL to a new name" in hint
    new = {"UNLEARN_FEATURES": "1024", "UNLEARN_MODEL": f"{settings.model}-new", name: topic}
    for line in (command, "work --drain"):
        done = run(settings, *line.split(), **new)
        assert done.returncode == 0, done.stderr
    # Then the new model has what the log holds
    assert "r  member" in run(settings, "record", "r", **new).stdout


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_a_compacted_events_topic(make_settings: MakeSettings, log: KafkaLog, tmp_path: Path, policy: str) -> None:
    settings = make_settings(partitions=1)
    events, *others = wanted(settings)
    log.create(replace(events, config={**events.config, "cleanup.policy": policy}))
    for spec in others:
        log.create(spec)
    words = f"the topic {settings.events_topic} has cleanup.policy={policy}"
    check(settings, tmp_path, {name: refusal(name, 65, words) for name in ("work", "work --drain")})
    assert untouched(settings)


def test_a_redis_that_lost_the_model_is_refused_until_a_rebuild(
    make_settings: MakeSettings, log: KafkaLog, tmp_path: Path
) -> None:
    settings = make_settings(trainers=0, partitions=1)
    create(log, settings)
    with Process(settings, tmp_path, "work", "--drain") as worker:
        assert worker.wait(60) == 0, worker.errors()
    client = connect(settings.redis.url.get_secret_value())
    client.delete(*keys(settings))
    client.close()
    with Process(settings, tmp_path, "work", "--drain") as worker:
        assert worker.wait(60) == 1
        assert "--rebuild" in worker.errors()
        assert "Traceback" not in worker.errors()
    with Process(settings, tmp_path, "work", "--drain", "--rebuild") as worker:
        assert worker.wait(60) == 0, worker.errors()


def untouched(settings: Settings) -> bool:
    """Whether the group has read nothing and Redis holds nothing of the model."""
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    try:
        groups = {group["group_id"] for group in admin.list_groups()}
    finally:
        admin.close()
    return settings.group_id not in groups and not keys(settings)


def keys(settings: Settings) -> list[bytes]:
    client = connect(settings.redis.url.get_secret_value())
    try:
        return sorted(client.scan_iter(match=f"{{{settings.model}:*", count=10_000))
    finally:
        client.close()


def state(settings: Settings) -> dict[bytes, bytes | None]:
    """All that Redis holds of the model."""
    client = connect(settings.redis.url.get_secret_value())
    try:
        return {key: client.dump(key) for key in keys(settings)}
    finally:
        client.close()

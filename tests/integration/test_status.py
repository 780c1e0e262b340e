"""`unlearn status` and `unlearn record` after real work: on the in-process log, and once on a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.conftest import MakeSettings
from tests.harness.events import at
from tests.harness.processes import Process
from tests.harness.settings import SECRET
from tests.harness.waiting import until
from tests.harness.worker_harness import WorkerHarness
from unlearn.admin import topics
from unlearn.admin.status.reader import StatusReader
from unlearn.admin.status.status import Status
from unlearn.cli.commands.operators.record import command as record
from unlearn.cli.commands.operators.status import command as status
from unlearn.environment.redis_client import connect
from unlearn.errors import (
    InputInvalid,
    LogUnavailable,
    Refused,
    StateMissing,
    StateUnavailable,
    TopicMissing,
    UnlearnError,
)
from unlearn.events.partitioner import home
from unlearn.learners import learner_of
from unlearn.log.kafka.log import KafkaLog
from unlearn.partition.tables import Cleanup
from unlearn.services.address import free_port
from unlearn.state.entries import FOREVER, NO_TOMB, decode_entry, decode_subject
from unlearn.state.keys import Keys
from unlearn.storage.artefacts import open_store
from unlearn.training.pool import InlineTrainers
from unlearn.worker.assembly import assemble
from unlearn.worker.loop import Worker

ZERO, ONE = at(0), at(1)


@pytest.fixture
def run(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    @contextmanager
    def open_log(_: object) -> Iterator[Any]:
        yield harness.log

    monkeypatch.setattr("unlearn.cli.commands.operators.status.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: harness.settings)
    return CliRunner()


# -- status


def test_before_any_worker_all_of_the_log_is_lag(redis_url: str, tmp_path: Path) -> None:
    harness = WorkerHarness(redis_url, tmp_path)
    harness.insert("r", ZERO)
    shown = harness.status()
    assert (shown.lag, shown.records, shown.version) == (1, 0, None)
    assert [(held.applied, held.owner, held.heartbeat_age, held.shards) for held in shown.partitions] == [
        (None, None, None, ())
    ] * 2
    harness.close()


def test_a_partition_tells_what_it_applied_holds_and_owes(harness: WorkerHarness) -> None:
    for i in range(12):
        harness.insert(f"r{i}", ZERO)
    harness.apply()
    harness.insert("late", ZERO)
    harness.insert("other", ONE)

    zero, one = harness.status().partitions

    owned = harness.worker.owned[0]
    assert (zero.applied, zero.end, zero.lag, zero.records) == (12, 13, 1, 12)
    assert (one.applied, one.end, one.lag, one.records) == (0, 1, 1, 0)
    assert zero.owner is not None
    assert zero.owner.endswith(f":{os.getpid()}")
    assert (zero.counter, zero.nonce) == tuple(owned.token)
    [mine] = [shard for shard in zero.shards if shard.rows]
    assert (mine.status, mine.rows, mine.slices, mine.checkpoints) == ("current", 12, 1, 1)
    assert [shard.status for shard in zero.shards if shard is not mine] == ["empty"]


def test_the_version_is_the_newest_manifests_offset_and_the_heartbeat_has_its_age(harness: WorkerHarness) -> None:
    harness.log.clock = lambda: 5_000
    harness.insert("r", ZERO)
    harness.apply()
    shown = harness.status(clock=lambda: 12.0)
    assert shown.version == max(owned.manifest_offset for owned in harness.worker.owned.values())
    assert [held.heartbeat_age for held in shown.partitions] == [7.0, 7.0]


def test_a_reader_follows_the_topic_from_one_read_to_the_next(harness: WorkerHarness) -> None:
    from unlearn.admin.status.reader import StatusReader

    harness.insert("r", ZERO)
    harness.apply()
    reader = StatusReader(harness.settings, harness.log, harness.client, forgets=True)
    before = reader.read()
    harness.delete("r", ZERO)
    harness.apply()
    after = reader.read()
    assert before.version is not None
    assert after.version is not None
    assert after.version > before.version
    assert (before.records, after.records) == (1, 0)


def test_deletions_are_pending_until_a_manifest_hides_them(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness.insert("r", ZERO)
    harness.apply()
    monkeypatch.setattr(harness.worker._manifests, "turn", lambda *_: None)
    harness.delete("r", ZERO)
    harness.delete("s", ZERO, forget_within=1)
    for _ in range(5):
        harness.worker.turn(0)
    held = harness.status(clock=lambda: time.time() + 50).partitions[0].deletions
    assert (held.pending, held.overdue) == (2, 1)
    assert held.oldest_pending is not None
    assert 50 <= held.oldest_pending < 100
    monkeypatch.undo()
    harness.apply()
    assert harness.status().pending == 0


def test_what_may_be_a_deletion_and_cannot_be_read_stays_unresolved(harness: WorkerHarness) -> None:
    harness.raw(1, b'{"type":"delete" junk')
    harness.apply()
    held = harness.status(clock=lambda: time.time() + 50).partitions[1].deletions
    assert held.unresolved == 1
    assert held.oldest_unresolved is not None
    assert 50 <= held.oldest_unresolved < 100


def test_a_dirty_shard_is_counted(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(10):
        harness.insert(f"r{i}", ZERO)
    harness.apply()
    assert harness.status().partitions[0].dirty_shards == 0
    monkeypatch.setattr(harness.worker._training, "turn", lambda *_: None)
    harness.delete("r1", ZERO)
    for _ in range(5):
        harness.worker.turn(0)
    held = harness.status().partitions[0]
    assert held.dirty_shards == 1
    assert sorted(shard.status for shard in held.shards) == ["empty", "left-out"]


def test_tombstones_are_counted_exactly_once_each(harness: WorkerHarness) -> None:
    """Against a count over all the entries themselves."""
    for i in range(6):
        harness.insert(f"r{i}", ZERO)
        harness.insert(f"r{i}", ONE)
    harness.delete("r0", ZERO, revision=1)
    harness.delete("r0", ZERO, revision=3)
    harness.delete("r0", ZERO)
    harness.delete("r1")
    harness.apply()
    harness.delete("r1")
    harness.delete("r1", ZERO)
    harness.delete("never", ONE)
    harness.insert("r2", ONE, revision=4)
    harness.delete("r2", ONE, revision=3)
    harness.delete(subject=ZERO)
    harness.delete(subject=ZERO)
    harness.delete("r3", ZERO)
    harness.delete(subject=at(1, prefix="unknown"))
    harness.apply()
    shown = harness.status()
    assert [held.tombstones for held in shown.partitions] == [_tombstones(harness, 0), _tombstones(harness, 1)]
    assert [held.tombstones for held in shown.partitions] == [5, 4]


def test_a_subject_under_clean_up_is_named(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.worker._cleaner, "turn", lambda _, *, gathers: None)
    harness.insert("r", ZERO)
    harness.delete(subject=ZERO)
    for _ in range(20):
        harness.worker.turn(0)
    assert isinstance(next(iter(harness.worker.owned[0].view.cleanups.values())), Cleanup)
    held = harness.status().partitions[0]
    assert (held.cleaning_up, held.records, held.holes) == (1, 1, 0)
    monkeypatch.undo()
    harness.apply()
    held = harness.status().partitions[0]
    assert (held.cleaning_up, held.records, held.holes) == (0, 0, 1)


def test_a_stopped_partition_says_why_until_it_goes_on(harness: WorkerHarness) -> None:
    harness.insert("r", ZERO)
    harness.apply()
    fingerprint = Keys(harness.settings.model, 0).meta
    kept = harness.client.hget(fingerprint, "fp_digest")
    harness.client.hset(fingerprint, "fp_digest", "0" * 32)
    harness.worker.close()
    harness.worker = harness.make_worker()
    for _ in range(3):
        harness.worker.turn(0)
    stopped = [held.stopped for held in harness.status().partitions]
    assert stopped[0] is not None
    assert "is not the one that was applied" in stopped[0]
    assert stopped[1] is None

    assert isinstance(kept, bytes)
    harness.client.hset(fingerprint, "fp_digest", kept)
    harness.worker.close()
    harness.worker = harness.make_worker()
    harness.apply()
    assert [held.stopped for held in harness.status().partitions] == [None, None]


def test_looking_changes_nothing_in_redis(harness: WorkerHarness) -> None:
    harness.insert("r", ZERO)
    harness.delete("r", ZERO)
    harness.apply()
    harness.worker.owned[0].state.mark_stopped("why")
    before = _dump(harness)
    harness.status()
    harness.lookup().records(["r"])
    harness.lookup().subjects([ZERO])
    assert _dump(harness) == before


def test_topics_that_do_not_suit_the_settings_are_refused(harness: WorkerHarness) -> None:
    more = harness.settings
    harness.settings = more.model_copy(update={"partitions": 3})
    with pytest.raises(Refused, match="2 partitions"):
        harness.status()
    harness.settings = more.model_copy(update={"model": "other"})
    with pytest.raises(TopicMissing, match="unlearn topics create"):
        harness.status()


def test_partitions_beyond_the_models_only_forward(redis_url: str, tmp_path: Path) -> None:
    harness = WorkerHarness(redis_url, tmp_path)
    harness.settings = harness.settings.model_copy(update={"partitions": 1})
    shown = harness.status()
    assert [held.forwards_only for held in shown.partitions] == [False, True]
    harness.close()


# -- the commands


def test_status_json_holds_the_totals_and_the_partitions(harness: WorkerHarness, run: CliRunner) -> None:
    harness.insert("r", ZERO)
    harness.apply()
    found = run.invoke(status, ["--json"], catch_exceptions=False)
    shown = json.loads(found.stdout)
    assert list(shown) == [
        "records",
        "lag",
        "pending_deletions",
        "unresolved_deletions",
        "version",
        "redis",
        "store",
        "dead_letters",
        "passed_over",
        "refused_updates",
        "never_found",
        "refused_results",
        "refused_results_count",
        "partitions",
    ]
    assert (shown["records"], shown["lag"], len(shown["partitions"])) == (1, 0, 2)


def test_status_for_people_names_the_model(harness: WorkerHarness, run: CliRunner) -> None:
    harness.apply()
    shown = run.invoke(status, catch_exceptions=False).stdout
    assert shown.split()[:6] == ["partition", "applied", "lag", "heartbeat", "token", "owner"]
    assert f"model {harness.settings.model}, version" in shown


@pytest.mark.parametrize(("given", "pause"), [(["--watch"], 2.0), (["--watch", "5"], 5.0)])
def test_watching_shows_it_again_until_interrupted(
    harness: WorkerHarness, run: CliRunner, monkeypatch: pytest.MonkeyPatch, given: list[str], pause: float
) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        harness.insert("r", ZERO)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("unlearn.cli.commands.operators.status.time.sleep", sleep)
    found = run.invoke(status, [*given, "--json"], catch_exceptions=False)
    assert [json.loads(line)["lag"] for line in found.stdout.splitlines()] == [0, 1, 2]
    assert (pauses, found.exit_code) == ([pause] * 3, 0)


@pytest.mark.parametrize(
    "error", [LogUnavailable("away"), StateUnavailable("away"), TopicMissing("away"), StateMissing("away")]
)
def test_watching_goes_on_after_an_error_and_says_it(
    harness: WorkerHarness, run: CliRunner, monkeypatch: pytest.MonkeyPatch, error: UnlearnError
) -> None:
    pauses: list[float] = []
    read = StatusReader.read

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise KeyboardInterrupt

    def fails(reader: StatusReader) -> Status:
        if len(pauses) in (0, 2):
            raise error
        return read(reader)

    monkeypatch.setattr("unlearn.cli.commands.operators.status.time.sleep", sleep)
    monkeypatch.setattr(StatusReader, "read", fails)
    found = run.invoke(status, ["--watch", "--json"], catch_exceptions=False)
    assert [json.loads(line)["lag"] for line in found.stdout.splitlines()] == [0, 0]
    assert found.stderr == "error: away\n" * 2
    assert found.exit_code == 0


def test_watching_starts_before_the_services_do(make_settings: MakeSettings, tmp_path: Path) -> None:
    nowhere = {"UNLEARN_REDIS__URL": f"redis://127.0.0.1:{free_port()}/0"}
    with Process(make_settings(), tmp_path, "status", "--watch", "0.1", "--json", **nowhere) as watching:
        until(lambda: watching.errors().count("error: ") >= 2, 60, "it has asked twice")
        watching.signal(signal.SIGINT)

        assert watching.wait(30) == 0
        assert "Traceback" not in watching.errors()


def test_record_says_one_line_an_id(harness: WorkerHarness, run: CliRunner) -> None:
    partition, slot = harness.insert("r", ZERO)
    harness.apply()
    found = run.invoke(record, ["--json", "r", "x"], catch_exceptions=False)
    first, second = map(json.loads, found.stdout.splitlines())
    assert list(first) == ["record_id", "state", "partition", "offset", "shard", "slice", "revision"]
    assert (first["record_id"], first["state"], first["partition"], first["offset"]) == ("r", "member", partition, slot)
    assert second == {**dict.fromkeys(first), "record_id": "x", "state": "unknown"}
    assert found.exit_code == 0


def test_record_reads_ids_from_the_standard_input(harness: WorkerHarness, run: CliRunner) -> None:
    harness.insert("é", ZERO)
    harness.apply()
    given = "é\n\nx\r\nlast".encode()
    shown = run.invoke(record, ["--of", ZERO, "-"], input=given, catch_exceptions=False).stdout.splitlines()
    assert [line.split()[:2] for line in shown] == [["é", "member"], ["x", "unknown"], ["last", "unknown"]]
    assert shown[0].endswith("open slice")


def test_record_takes_subjects(harness: WorkerHarness, run: CliRunner) -> None:
    harness.insert("r", ZERO)
    _, death = harness.delete(subject=ZERO)
    harness.apply()
    shown = json.loads(run.invoke(record, ["--subject", "--json", ZERO], catch_exceptions=False).stdout)
    assert (shown["subject_id"], shown["state"], shown["offset"]) == (ZERO, "forgotten", death)


@pytest.mark.parametrize("given", [b"ok\n\xff\n", b"ok\n" + b"x" * 257])
def test_an_id_that_no_event_could_have_is_named_by_its_line(
    harness: WorkerHarness, run: CliRunner, given: bytes
) -> None:
    harness.apply()
    found = run.invoke(record, ["-"], input=given)
    assert isinstance(found.exception, InputInvalid)
    assert str(found.exception).startswith("line 2 ")


def test_of_and_subject_contradict(run: CliRunner) -> None:
    assert run.invoke(record, ["--subject", "--of", "a", "b"]).exit_code == 2


# -- on a real broker


def test_both_commands_on_kafka_and_redis(make_settings: MakeSettings) -> None:
    settings = make_settings(partitions=2, features=2**10, trainers=0, seal_after=1000)
    event = {"type": "insert", "event_id": "e", "record_id": "r", "subject_id": ZERO, "label": "spam", "text": "a"}
    with closing(KafkaLog(settings.kafka)) as log:
        topics.create(log, settings)
        with closing(log.producer()) as producer:
            producer.send(settings.events_topic, home(ZERO.encode(), 2), ZERO.encode(), json.dumps(event).encode())
            producer.flush(30)
        learner, store = learner_of(settings), open_store(settings.store, settings.model)
        with closing(connect(settings.redis.url.get_secret_value())) as client:
            worker = Worker(assemble(settings, log, client, store, learner, InlineTrainers(learner, store)))
            with closing(worker):
                owned = worker.owned

                def published() -> bool:
                    worker.turn(0.05)
                    return len(owned) == 2 and all(held.manifest is not None for held in owned.values())

                until(published, 120, "both partitions have a manifest")
                until(lambda: [worker.turn(0.05), owned[0].view.applied >= 1][1], 120, "the event is applied")

    variables = {
        "UNLEARN_MODEL": settings.model,
        "UNLEARN_SECRET": SECRET,
        "UNLEARN_PARTITIONS": "2",
        "UNLEARN_FEATURES": str(2**10),
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "UNLEARN_REDIS__URL": settings.redis.url.get_secret_value(),
    }
    shown = json.loads(_unlearn(variables, "status", "--json").stdout)
    assert (shown["records"], shown["lag"], shown["partitions"][0]["applied"]) == (1, 0, 1)
    assert shown["version"] is not None
    assert shown["partitions"][1]["heartbeat_age"] is not None
    place = json.loads(_unlearn(variables, "record", "--json", "r").stdout)
    assert (place["state"], place["partition"], place["offset"], place["slice"]) == ("member", 0, 0, None)
    refused = _unlearn({**variables, "UNLEARN_SECRET": "another secret of 16 bytes"}, "record", "r")
    assert (refused.returncode, refused.stdout) == (65, "")
    assert "secret_check changed" in refused.stderr
    gone = _unlearn({**variables, "UNLEARN_REDIS__URL": "redis://127.0.0.1:9/0"}, "status")
    assert (gone.returncode, gone.stderr.count("\n")) == (69, 1)
    assert "unlearn services up" in gone.stderr


def _unlearn(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("UNLEARN_")} | variables
    command = [sys.executable, "-c", "from unlearn.cli.main import main; main()", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def _keys(harness: WorkerHarness, pattern: str) -> list[bytes]:
    found: Any = harness.client.keys(f"{{{harness.settings.model}:{pattern}")
    return sorted(found)


def _dump(harness: WorkerHarness) -> dict[bytes, Any]:
    return {key: harness.client.dump(key) for key in _keys(harness, "*")}


def _tombstones(harness: WorkerHarness, partition: int) -> int:
    records = [v for key in _keys(harness, f"{partition}}}:m:*") for v in _values(harness, key)]
    subjects = [v for key in _keys(harness, f"{partition}}}:u:*") for v in _values(harness, key)]
    entries = [decode_entry(value) for value in records]
    tombs = [tomb for entry in entries for tomb in (entry.tomb, *(pair.tomb for pair in entry.pairs.values()))]
    assert FOREVER in tombs
    dead = [subject for subject in map(decode_subject, subjects) if subject is not None and subject.dead]
    return sum(tomb != NO_TOMB for tomb in tombs) + len(dead)


def _values(harness: WorkerHarness, key: bytes) -> list[bytes]:
    found: Any = harness.client.hvals(key.decode())
    return list(found)

"""A broker that stops, dies, loses or repeats, and producers that do as they like."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from rich.console import Console

from tests.harness.breakable_services import OwnKafka, during
from tests.harness.events import delete
from tests.harness.kafka_harness import WorkerOnKafka, crc32
from tests.harness.processes import run
from tests.harness.waiting import until
from unlearn.cli.commands.operators.status import rendered
from unlearn.events.event import encode
from unlearn.events.marks import Origin
from unlearn.events.partitioner import home, origin_header

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnKafka]:
    made = OwnKafka(tmp_path_factory.mktemp("kafka"))
    yield made
    made.close()


@pytest.fixture
def on_kafka(redis_url: str, tmp_path: Path, kafka: str) -> Iterator[WorkerOnKafka]:
    yield from at_rest(redis_url, tmp_path, kafka)


@pytest.fixture
def alone(redis_url: str, tmp_path: Path, own_kafka: OwnKafka) -> Iterator[WorkerOnKafka]:
    yield from at_rest(redis_url, tmp_path, own_kafka.address)


def at_rest(redis_url: str, folder: Path, kafka: str) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, folder, kafka)
    made.tweets(100)
    made.rest()
    yield made
    made.close()


def encoded(event: dict[str, Any]) -> bytes:
    return json.dumps({"event_id": "e", **event}).encode()


# -- the broker


def outage(harness: WorkerOnKafka, away: Callable[[], threading.Thread]) -> None:
    """Given a deletion whose manifest is on its way when the broker goes."""
    claims, before = harness.counts["claims"], harness.counts["manifests"]
    publish, gone = harness.worker._manifests._send, list[threading.Thread]()

    def send(*args: Any) -> None:
        if not gone:
            gone.append(away())
        publish(*args)

    harness.worker._manifests._send = send  # type: ignore[method-assign,assignment]
    harness.forget()
    harness.turn_until(lambda: gone)
    # When it is back, the same worker goes on
    harness.turn_until(lambda: harness.counts["manifests"] > before, 120)
    gone[0].join()
    harness.ends()
    harness.tweets(50, seed=2)
    harness.rest(60)
    # Then the very manifest came through, once or twice, and nothing was lost
    assert "gone" in harness.event_ids("hidden")
    assert harness.counts["claims"] <= claims + 2 * 2
    assert harness.worker.stopped == {}
    assert harness.verdict() == "equal"


def test_the_broker_is_killed_and_comes_back(alone: WorkerOnKafka, own_kafka: OwnKafka) -> None:
    outage(alone, lambda: during(own_kafka.kill, 5, own_kafka.start))


@pytest.mark.soak
def test_the_broker_hangs(alone: WorkerOnKafka, own_kafka: OwnKafka) -> None:
    outage(alone, lambda: during(own_kafka.freeze, 20, own_kafka.thaw))
    # Ten seconds are all that a send may take: the same bytes were sent again.
    assert alone.counts["resent"] > 0


@pytest.mark.soak
def test_the_broker_hangs_for_a_minute(alone: WorkerOnKafka, own_kafka: OwnKafka) -> None:
    outage(alone, lambda: during(own_kafka.freeze, 60, own_kafka.thaw))
    assert alone.counts["resent"] > 0


def comes_and_goes(harness: WorkerOnKafka, times: int, every: float) -> None:
    for number in range(times):
        other = harness.make_worker()
        harness.tweets(30, seed=10 + number)
        shared = time.monotonic() + every
        while not (other.owned and harness.worker.owned) or time.monotonic() < shared:
            assert time.monotonic() < shared + 120, (other.stopped, harness.worker.stopped)
            other.turn(0.01)
            harness.worker.turn(0.01)
        assert not other.owned.keys() & harness.worker.owned.keys()
        other.close()
        harness.turn_until(lambda: len(harness.worker.owned) == 2)
    harness.forget()
    harness.rest()
    assert harness.counts["claims"] >= 2 + times
    assert "gone" in harness.event_ids("hidden")
    assert harness.verdict() == "equal"


def test_members_come_and_go(on_kafka: WorkerOnKafka) -> None:
    comes_and_goes(on_kafka, 2, 0)


@pytest.mark.soak
def test_members_come_and_go_every_few_seconds_for_a_minute(on_kafka: WorkerOnKafka) -> None:
    comes_and_goes(on_kafka, 12, 4)


# -- the log


def stopped(harness: WorkerOnKafka, words: str, partitions: int = 2) -> None:
    """The partitions are stopped, and the status says why."""
    harness.turn_until(lambda: len(harness.worker.stopped) == partitions)
    assert all(words in why for why in harness.worker.stopped.values()), harness.worker.stopped
    told = [held.stopped for held in harness.status().partitions]
    assert sum(words in (why or "") for why in told) == partitions


def test_the_topic_is_deleted_and_made_again(on_kafka: WorkerOnKafka) -> None:
    with on_kafka.admin() as admin:
        admin.delete_topics([on_kafka.settings.events_topic])
    until(lambda: on_kafka.log.topic(on_kafka.settings.events_topic) is None, 120, "the topic is gone")
    on_kafka.log.create_topic(on_kafka.settings.events_topic, 2)
    on_kafka.tweets(100, seed=3)
    before = on_kafka.counts["inserts"]
    on_kafka.restart()
    stopped(on_kafka, "The events topic was made again")
    assert (before, on_kafka.counts["inserts"]) == (100, 0)


def test_the_log_starts_beyond_what_was_applied(on_kafka: WorkerOnKafka) -> None:
    # Given a worker that is away while retention takes what it has not read
    applied = on_kafka.applied
    on_kafka.worker.close()
    on_kafka.tweets(100, seed=3)
    with on_kafka.admin() as admin:
        admin.delete_records({TopicPartition(on_kafka.settings.events_topic, 0): applied[0] + 1})
    on_kafka.worker = on_kafka.make_worker()
    stopped(on_kafka, "events were lost or truncated", 1)
    # Then the other partition goes on
    on_kafka.turn_until(lambda: on_kafka.applied.get(1, 0) > applied[1])


def test_the_log_is_truncated_and_grows_again(alone: WorkerOnKafka, own_kafka: OwnKafka) -> None:
    # Given a broker that comes back without its last records
    applied = alone.applied
    alone.worker.close()
    own_kafka.kill()
    for segment in cut(own_kafka, alone.settings.events_topic, 0):
        assert segment.stat().st_size > 0
    own_kafka.start()
    assert 0 < alone.ends()[0] < applied[0]
    # When others fill the gap
    event = encoded({"type": "insert", "record_id": "other", "text": "a", "label": "ham"})
    with alone.stranger() as client:
        for _ in range(applied[0] + 1 - alone.ends()[0]):
            client.send(alone.settings.events_topic, event, partition=0).get(30)
    alone.worker = alone.make_worker()
    # Then the partition is stopped, not read on
    stopped(alone, "the log was truncated and has grown again", 1)
    alone.turn_until(lambda: 1 in alone.worker.owned)


def cut(own: OwnKafka, topic: str, partition: int) -> list[Path]:
    """Take a third of a partition's bytes; its broker makes the rest whole at its start."""
    found = sorted((own._folder / "data").glob(f"{topic}-{partition}/*.log"))
    for segment in found:
        data = segment.read_bytes()
        segment.write_bytes(data[: len(data) * 2 // 3])
    for left in (own._folder / "data").glob("*checkpoint"):
        left.unlink()
    return found


def test_the_groups_commits_are_lost(on_kafka: WorkerOnKafka) -> None:
    applied = on_kafka.applied
    on_kafka.worker.close()
    with on_kafka.admin() as admin:
        group = str(on_kafka.settings.group_id)
        assert admin.list_group_offsets({group: None})[group]
        admin.delete_groups([group])
    on_kafka.tweets(50, seed=3)
    on_kafka.worker = on_kafka.make_worker()
    on_kafka.turn_until(lambda: len(on_kafka.worker.owned) == 2)
    assert all(on_kafka.applied[p] >= applied[p] for p in applied)
    on_kafka.rest()
    # Then what was applied before is not read again
    assert (on_kafka.counts["inserts"], on_kafka.counts["repeated"]) == (50, 0)
    assert on_kafka.verdict() == "equal"


# -- producers


def test_partitions_are_added(on_kafka: WorkerOnKafka) -> None:
    # Given a topic grown from two partitions to five
    with on_kafka.admin() as admin:
        admin.create_partitions({on_kafka.settings.events_topic: 5})
    on_kafka.restart()
    on_kafka.turn_until(lambda: len(on_kafka.worker.owned) == 5)
    # When producers spread over all of them
    topic, subject = on_kafka.settings.events_topic, on_kafka.somebody
    with on_kafka.stranger() as client:
        for number in range(60):
            event = {"type": "insert", "record_id": f"new-{number}", "text": "a", "label": "ham"}
            client.send(topic, encoded(event), partition=number % 5)
        client.send(topic, encode(delete("new-7", event_id="gone")), partition=4)
        client.send(topic, encode(delete(subject=subject, event_id="subject")), partition=3)
        client.flush()
    on_kafka.rest()
    # Then all of it came home
    assert on_kafka.counts["home"] > 30
    assert {"gone", "subject"} <= on_kafka.event_ids("hidden")
    assert on_kafka.status().partitions[4].forwards_only
    assert on_kafka.verdict() == "equal"


def test_transactions_and_their_markers(on_kafka: WorkerOnKafka) -> None:
    topic, applied = on_kafka.settings.events_topic, on_kafka.applied
    with on_kafka.stranger(transactional_id=on_kafka.settings.model) as client:
        client.init_transactions()

        def take_back(event_id: str) -> None:
            client.begin_transaction()
            for partition in (0, 1):
                client.send(
                    topic, encode(delete(subject=on_kafka.somebody, event_id=event_id)), partition=partition
                ).get(30)
            client.abort_transaction()

        # Given a deletion that was taken back, and inserts that were not
        take_back("aborted")
        client.begin_transaction()
        for number in range(20):
            record = {"type": "insert", "record_id": f"t{number}", "text": "a", "label": "ham"}
            client.send(topic, encoded(record), partition=number % 2).get(30)
        client.commit_transaction()
        on_kafka.rest()
        # And nothing behind the last marker
        take_back("aborted again")
    # A transaction has ended before its markers stand in the log.
    on_kafka.turn_until(lambda: all(end >= applied[p] + 2 + 11 + 2 for p, end in on_kafka.ends().items()))
    on_kafka.rest()
    # Then only the inserts were applied, and markers at the log's end are no lag
    assert on_kafka.counts["subjects_deleted"] == 0
    assert on_kafka.counts["inserts"] + on_kafka.counts["home"] >= 120
    assert all(on_kafka.applied[p] >= applied[p] + 2 + 10 + 2 for p in applied)
    assert on_kafka.applied == on_kafka.ends()
    assert on_kafka.status().lag == 0
    assert not {"aborted", "aborted again"} & on_kafka.event_ids("accepted")
    assert on_kafka.verdict() == "equal"


def test_what_an_open_transaction_holds_back_is_told(on_kafka: WorkerOnKafka) -> None:
    topic, settings = on_kafka.settings.events_topic, on_kafka.settings
    before = on_kafka.ends()
    with (
        on_kafka.stranger(transactional_id=f"{settings.model}-open") as client,
        on_kafka.stranger() as other,
    ):
        client.init_transactions()
        client.begin_transaction()
        record = {"type": "insert", "record_id": "in-a-transaction", "text": "a", "label": "ham"}
        client.send(topic, encoded(record), partition=0).get(30)
        other.send(topic, encode(delete(subject=on_kafka.somebody, event_id="behind")), partition=0).get(30)
        # Then nobody reads the deletion yet, and status says so, though nothing lags
        assert on_kafka.ends() == before
        assert on_kafka.log.written(topic) == {0: before[0] + 2, 1: before[1]}
        shown = on_kafka.status()
        assert ([held.held_back for held in shown.partitions], shown.lag) == ([2, 0], 0)
        assert [held["held_back"] for held in shown.to_json()["partitions"]] == [2, 0]
        told = io.StringIO()
        Console(file=told, width=200).print(rendered(shown, settings.lease))
        assert "partition 0: 2 offsets, deletions perhaps, can't be read before a producer" in told.getvalue()
        assert "2 offsets are not applied yet, and may hold more" in run(settings, "pending").stderr
        client.commit_transaction()
    on_kafka.turn_until(lambda: "behind" in on_kafka.event_ids("hidden"))
    assert not any(held.held_back for held in on_kafka.status().partitions)


def test_a_topic_that_is_compacted_under_a_worker_stops_it(
    on_kafka: WorkerOnKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unlearn.worker.preflight._KEPT_EVERY", 0.2)
    on_kafka.restart()
    on_kafka.turn_until(on_kafka.caught_up)
    resource = ConfigResource(ConfigResourceType.TOPIC, on_kafka.settings.events_topic, {"cleanup.policy": "compact"})
    admin = KafkaAdminClient(bootstrap_servers=on_kafka.settings.kafka.bootstrap_servers)
    admin.alter_configs([resource])
    admin.close()

    on_kafka.turn_until(lambda: set(on_kafka.worker.stopped) == {0, 1})

    assert on_kafka.worker.owned == {}
    for held in on_kafka.worker.stopped.values():
        assert f"the topic {on_kafka.settings.events_topic} has cleanup.policy=compact" in held


def test_a_producer_with_another_partitioner(on_kafka: WorkerOnKafka) -> None:
    topic = on_kafka.settings.events_topic
    sent = [f"s{number}".encode() for number in (*range(80), *range(0, 80, 2))]
    strayed = sum(crc32(subject, 2) != home(subject, 2) for subject in sent)
    with on_kafka.stranger() as client:
        for number in range(80):
            subject = f"s{number}"
            event = {"type": "insert", "record_id": f"x{number}", "subject_id": subject, "text": "a", "label": "ham"}
            client.send(topic, encoded(event), key=subject.encode(), partition=crc32(subject.encode(), 2))
        for number in range(0, 80, 2):
            subject = f"s{number}"
            value = encode(delete(subject=subject, event_id=subject))
            client.send(topic, value, key=subject.encode(), partition=crc32(subject.encode(), 2))
        client.flush()
    on_kafka.rest()
    assert on_kafka.counts["home"] == strayed > 40
    assert {f"s{number}" for number in range(0, 80, 2)} <= on_kafka.event_ids("hidden")
    assert on_kafka.verdict() == "equal"


def test_forged_origins(on_kafka: WorkerOnKafka) -> None:
    settings, topic = on_kafka.settings, on_kafka.settings.events_topic
    subject = on_kafka.somebody.encode()
    wrong = 1 - home(subject, 2)
    deletion = {"type": "delete", "subject_id": subject.decode(), "requested_at": "2023-01-01"}
    right_mac = origin_header(settings.secret_bytes, Origin(settings.model, 0, 0, 0))
    others_mac = origin_header(b"another secret of sixteen bytes", Origin(settings.model, 0, 0, 0))
    with on_kafka.stranger() as client:
        # Given headers that anybody can write, on deletions off their home
        for name, header in {"bare": (right_mac[0], b"m/0/0/0/"), "forged": others_mac}.items():
            client.send(topic, encoded({**deletion, "event_id": name}), partition=wrong, headers=[header]).get(30)
        on_kafka.turn_until(lambda: {"bare", "forged"} <= on_kafka.event_ids("hidden"))
        # Then they count as if there were none
        assert on_kafka.counts["home"] == 2
        assert on_kafka.status().unresolved == 0
        # And one of ours that was copied to where it is not at home stays open
        client.send(topic, encoded({**deletion, "event_id": "copied"}), partition=wrong, headers=[right_mac]).get(30)
    on_kafka.rest()
    assert on_kafka.status().unresolved == 1
    assert on_kafka.verdict() == "equal"

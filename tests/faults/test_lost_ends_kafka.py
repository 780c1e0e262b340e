"""A broker and Redis that both come back without their ends: what the commands say, and where it leads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_kafka_faults import stopped
from tests.harness.breakable_services import OwnKafka
from tests.harness.events import at
from tests.harness.kafka_harness import WorkerOnKafka
from tests.harness.model_data import remember, roll_back
from tests.harness.processes import Ended, run

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[OwnKafka]:
    made = OwnKafka(tmp_path / "kafka")
    yield made
    made.close()


@pytest.fixture
def alone(redis_url: str, tmp_path: Path, own_kafka: OwnKafka) -> Iterator[WorkerOnKafka]:
    made = WorkerOnKafka(redis_url, tmp_path / "model", own_kafka.address)
    made.tweets(60)
    made.rest()
    yield made
    made.close()


# A log that is only short is also a case of `test_lost_ends.py`.
@pytest.mark.parametrize(
    "grown", [pytest.param(False, id="short", marks=pytest.mark.soak), pytest.param(True, id="grown again")]
)
def test_the_ends_of_a_partition_and_of_redis_are_gone(alone: WorkerOnKafka, own_kafka: OwnKafka, grown: bool) -> None:
    # Given somebody who was forgotten after what is left of Redis
    who = at(0, prefix="somebody")
    alone.insert("r", who)
    alone.rest()
    past, before = remember(alone.client, alone.settings), alone.applied
    partition, place = alone.delete(subject=who)
    alone.rest()
    assert partition == 0
    assert {"accepted", "hidden"} == {state for state in ("accepted", "hidden") if alone.event_ids(state)}
    alone.worker.close()
    # When both come back without their ends, but for the results
    own_kafka.kill()
    cut_at(own_kafka, alone.settings.events_topic, place)
    own_kafka.start()
    assert alone.ends()[0] == place == before[0]
    with alone.stranger() as client:
        event = {"type": "insert", "event_id": "e", "record_id": "other", "text": "a", "label": "ham"}
        for _ in range(6 if grown else 0):
            client.send(alone.settings.events_topic, json.dumps(event).encode(), partition=0).get(30)
    roll_back(alone.client, alone.settings, past)
    alone.worker = alone.make_worker()
    # Then the partition is stopped before anything is applied, the other goes on
    stopped(alone, "grown again" if grown else "the ends of the log and of Redis are gone", 1)
    alone.turn_until(lambda: 1 in alone.worker.owned)
    assert alone.status().partitions[0].applied == before[0]
    alone.worker.close()
    leads_on(alone, who, f"0/{place}")


def cut_at(own: OwnKafka, topic: str, offset: int) -> None:
    """Partition 0 without the record batches from an offset on: each begins with its first offset and its length."""
    data_dir = own._folder / "data"
    (segment,) = data_dir.glob(f"{topic}-0/*.log")
    data, at_ = segment.read_bytes(), 0
    while int.from_bytes(data[at_ : at_ + 8]) < offset:
        at_ += 12 + int.from_bytes(data[at_ + 8 : at_ + 12])
        assert at_ < len(data), f"no batch begins at {offset} or beyond"
    segment.write_bytes(data[:at_])
    for left in data_dir.glob("*checkpoint"):
        left.unlink()


def leads_on(harness: WorkerOnKafka, who: str, place: str) -> None:
    """As `unlearn status` says: what is lost is listed, sent again, and a new model made of the log."""
    told = " ".join(said(harness, "status").split())
    assert "unlearn resolve" in told
    (open_,) = [json.loads(line) for line in said(harness, "resolve", "--json").splitlines()]
    assert open_["place"] == place
    name = open_["reason"].split('"')[1]
    event = {"type": "delete", "event_id": name, "subject_id": who, "requested_at": "2023-01-01"}
    with harness.stranger() as client:
        client.send(harness.settings.events_topic, json.dumps(event).encode(), key=who.encode(), partition=0).get(30)
    assert "nothing is unresolved" in said(harness, "resolve")

    new: Any = {
        "UNLEARN_MODEL": harness.settings.model + "-new",
        "UNLEARN_TOPICS__EVENTS": harness.settings.events_topic,
    }
    # The events topic of this test is not made as it advises; the others are there now.
    assert "made" in run(harness.settings, "topics", "create", **new).stdout
    for arguments in (("work", "--drain"), ("verify", "--from-log")):
        ended = run(harness.settings, *arguments, seconds=120, **new)
        assert ended.returncode == 0, ended.stderr
    assert "forgotten" in run(harness.settings, "record", "--subject", who, **new).stdout


def said(harness: WorkerOnKafka, *arguments: str) -> str:
    ended: Ended = run(harness.settings, *arguments)
    # `status` says with its exit code, too, what it found: 1 late, 2 stopped.
    assert ended.returncode in ((0, 1, 2) if arguments[0] == "status" else (0,)), ended.stderr
    return ended.stdout

"""Workers and a scorer that have Kafka, Redis and a bucket in common, and no folder."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.harness.kafka_harness import KafkaHarness
from tests.harness.processes import Process, run
from tests.harness.settings import new_name
from tests.harness.waiting import until
from tests.object_server import ObjectServer
from unlearn.scoring.scorer import Scorer

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

FIRST, SECOND, THIRD = range(20), range(20, 40), range(40, 60)
"""Records that are to be forgotten: before, at, and during the outage."""


@pytest.fixture
def model(s3: ObjectServer, make_settings: MakeSettings, kafka: str) -> Iterator[KafkaHarness]:
    bucket = s3.make_bucket(new_name())
    made = KafkaHarness(
        make_settings(
            kafka={"bootstrap_servers": kafka, "session_timeout": 6.0},
            store=s3.settings(bucket.name, "models", retry_for=2.0, cache_bytes=1 << 20),
            learner="linear",
            features=2**10,
            slice_span=50,
            seal_after=1.0,
        )
    )
    yield made
    made.close()


def started(model: KafkaHarness, folder: Path) -> Process:
    """A worker whose local files, if it had any, would be in a folder of its own."""
    return Process(model.settings, folder, "work", UNLEARN_SERVICES_DIR=str(folder))


def share(model: KafkaHarness, *workers: Process) -> None:
    """Until each of them owns partitions."""
    pids = {worker.pid for worker in workers}
    until(lambda: model.owners() == pids, 150, lambda: "\n".join(worker.errors()[-1000:] for worker in workers))


def scorer_by_hand(model: KafkaHarness) -> Scorer:
    """One that knows the model's name and places alone, no secret."""
    settings = model.settings
    store = {"url": settings.store.url, "endpoint": settings.store.endpoint}
    return Scorer.connect(bootstrap_servers=settings.kafka.bootstrap_servers, model=settings.model, store=store)


def forgotten(model: KafkaHarness, state: str) -> set[int]:
    return {int(event_id.removeprefix("d")) for event_id in model.event_ids(state)}


def test_a_worker_and_the_s3_server_die_and_come_back(model: KafkaHarness, s3: ObjectServer, tmp_path: Path) -> None:
    # Given two workers on folders of their own, and a scorer
    with started(model, tmp_path / "a") as first, started(model, tmp_path / "b") as second:
        share(model, first, second)
        model.insert(range(300))
        model.delete(FIRST)
        model.wait_hidden(FIRST, 90)
        assert model.look_afresh() == model.settings.partitions

        # When one is killed amid its work, and the S3 server too
        model.insert(range(300, 600))
        model.delete(SECOND)
        first.signal(signal.SIGKILL)
        s3.kill()
        model.delete(THIRD)

        # Then the other takes over all that the log says, and waits with what it can't store
        until(lambda: forgotten(model, "accepted") >= {*FIRST, *SECOND, *THIRD}, 90, "all are accepted")
        until(lambda: second.said("Connection refused"), 90, "it says what it waits for")
        s3.start()

        # And with another in place of the dead one everything is made up for, and was right all the time
        with started(model, tmp_path / "c") as third:
            share(model, second, third)
            model.wait_hidden([*SECOND, *THIRD], 120)
            until(lambda: model.covered() and model.looks, 90, "all is published, and scorers have seen states")
            assert model.look_afresh() == model.settings.partitions
            with scorer_by_hand(model) as scorer:
                assert scorer.once(60.0).left_out == ()
            assert third.stop() == second.stop() == 0
    assert run(model.settings, "work", "--drain", seconds=120).returncode == 0
    assert forgotten(model, "hidden") == {*FIRST, *SECOND, *THIRD}
    for command in (("verify",), ("verify", "--from-log")):
        verdict = run(model.settings, *command, seconds=120)
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert not [path for path in tmp_path.rglob("*") if path.name in ("store", "marker.json")]

"""`unlearn demo` on a real Kafka and Redis, without Kafka, and what it leaves behind."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from unlearn.log.kafka.log import KafkaLog
from unlearn.services.address import free_port
from unlearn.services.process import LocalProcess
from unlearn.settings import KafkaSettings
from unlearn_study.generator.tweet_generator import tweets

COMMAND = [sys.executable, "-c", "from unlearn.cli.main import main; main()", "demo"]
FEW = ["--events", "600", "--rate", "0"]
SMALL = {"UNLEARN_FEATURES": "1024"}
HIDDEN = "inserts: half of spam, no other; the rest is hidden"
"""What is said where only some positives have labels."""


@pytest.fixture
def environment(kafka: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Of a user whose services are those of the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("UNLEARN_")}
    named = {"SERVICES_DIR": str(tmp_path), "KAFKA__BOOTSTRAP_SERVERS": kafka, "REDIS__URL": redis_url}
    return own | {f"UNLEARN_{name}": value for name, value in named.items()}


def demo(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], env=environment, text=True, timeout=110, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def models(folder: Path) -> list[str]:
    return sorted(found.name for found in (folder / "demo").iterdir())


@pytest.mark.slow
def test_a_run_ends_well_and_the_next_one_cleans_up_after_it(
    environment: dict[str, str], kafka: str, redis_url: str, tmp_path: Path
) -> None:
    code, said = demo(environment, *FEW, "--learner", "linear")

    assert code == 0, said
    assert said.count("12 equal of 12 shards") == 2
    assert "first version without it" in said
    assert "All is well" in said
    assert HIDDEN not in said
    (first,) = models(tmp_path)
    log = KafkaLog(KafkaSettings(bootstrap_servers=kafka))
    assert log.topic(f"{first}.events") is not None

    code, said = demo(environment | SMALL, *FEW, "--learner", "forest")

    assert code == 0, said
    assert said.count("12 equal of 12 shards") == 2
    assert "first version without it" in said
    assert len(models(tmp_path)) == 1
    assert first not in models(tmp_path)
    assert log.topic(f"{first}.events") is None
    log.close()
    with redis.Redis.from_url(redis_url) as client:
        assert list(client.scan_iter(f"{{{first}:*", count=10_000)) == []


# In the suite the other tests here take a learner each.
@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("learner", ["forest", "pu-linear", "complement-naive-bayes", "pu-naive-bayes"])
def test_every_learner_forgets_through_worker_scorer_and_both_checks(environment: dict[str, str], learner: str) -> None:
    code, said = demo(environment | SMALL, *FEW, "--learner", learner)

    assert code == 0, said
    assert said.count("12 equal of 12 shards") == 2
    assert "first version without it" in said
    assert (HIDDEN in said) == learner.startswith("pu-")


@pytest.mark.slow
def test_a_file_brings_its_own_classes_and_bad_lines_are_told(environment: dict[str, str], tmp_path: Path) -> None:
    lines = [json.dumps(event | {"label": f"{event['label']}!"}) for event in tweets(400, 3)]
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(["no event", *lines]).encode()))

    code, said = demo(environment, "--input", str(path), "--rate", "0", "--keep")

    assert code == 0, said
    assert "classes ham!, spam!" in said
    assert "1 lines that are no events, not sent: 1" in said


@pytest.mark.slow
def test_without_kafka_it_runs_on_the_log_in_the_process_and_says_so_loudly(
    environment: dict[str, str], tmp_path: Path
) -> None:
    without = tmp_path / "bin"
    without.mkdir()
    (without / "env").symlink_to("/usr/bin/env")
    nowhere = {"PATH": str(without), "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}", "JAVA_HOME": ""}

    code, said = demo(environment | SMALL | nowhere, *FEW, "--learner", "pu-linear")

    assert code == 0, said
    assert "NO KAFKA" in said
    assert "WITHOUT KAFKA" in said
    assert said.count("12 equal of 12 shards") == 2
    assert "first version without it" in said
    assert HIDDEN in said


@pytest.mark.slow
def test_an_interrupt_stops_the_worker_too(environment: dict[str, str], tmp_path: Path) -> None:
    running = subprocess.Popen(
        [*COMMAND, "--rate", "1"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    worker = wait_for_worker(tmp_path)

    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 130, said.decode()
    assert said.decode().strip().endswith("interrupted")
    assert worker.running() is None


def wait_for_worker(folder: Path) -> LocalProcess:
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        for place in folder.glob("demo/*/worker-1"):
            if LocalProcess(place).running():
                return LocalProcess(place)
        time.sleep(0.05)
    pytest.fail("no worker was started")


def test_an_input_without_labels_is_refused_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"type":"insert","event_id":"a","record_id":"a","text":"t"}\n')
    own = {name: value for name, value in os.environ.items() if not name.startswith("UNLEARN_")}

    code, said = demo(own | {"UNLEARN_SERVICES_DIR": str(tmp_path / "services")}, "--input", str(path))

    assert code == 65
    assert said == "error: the input has 0 labels; a classifier needs two or more\n"
    assert not (tmp_path / "services").exists()

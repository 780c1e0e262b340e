"""`unlearn topics` against a real broker."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable

import pytest
from kafka import KafkaAdminClient

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def model() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def unlearn(kafka: str, model: str) -> Run:
    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("UNLEARN_")}
        env |= {"UNLEARN_KAFKA__BOOTSTRAP_SERVERS": kafka, "UNLEARN_MODEL": model} | variables
        script = "from unlearn.cli.main import main; main()"
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_create_then_check_and_create_again(unlearn: Run, model: str) -> None:
    before, made = unlearn("topics", "check"), unlearn("topics", "create")
    again, after = unlearn("topics", "create"), unlearn("topics", "check")
    assert before.returncode == 1
    assert before.stderr.count("unlearn topics create") == 5
    assert (made.returncode, made.stdout.count("made "), made.stderr) == (0, 5, "")
    assert (again.returncode, again.stdout.count("is there"), again.stderr) == (0, 5, "")
    assert (after.returncode, after.stdout) == (0, f"the topics of {model} are as they should be\n")
    assert "there is one broker" in after.stderr


def test_topics_made_otherwise_are_left_and_named(unlearn: Run, model: str, kafka: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics({f"{model}.events": {"num_partitions": 2}}, wait_for_metadata=True)
    admin.close()
    found = unlearn("topics", "create")
    assert found.returncode == 1
    assert "2 partitions, fewer than the settings' 4" in found.stderr
    assert "message.timestamp.type=CreateTime, should be LogAppendTime" in found.stderr
    assert all(line.startswith(f"problem: topic {model}.events") for line in found.stderr.splitlines())


def test_an_unreachable_broker_is_one_clear_line(unlearn: Run) -> None:
    found = unlearn(
        "topics",
        "check",
        UNLEARN_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:9",
        UNLEARN_KAFKA__REQUEST_TIMEOUT="1",
    )
    assert found.returncode == 69
    assert "127.0.0.1:9" in found.stderr
    assert "Traceback" not in found.stderr

"""The producers in examples/producers, of other clients and languages, send inserts and deletions and are answered.

Each needs what it is written for: a Java with Kafka's jars, Node.js with npm, confluent-kafka. Where that is missing
the test is skipped, and says so, unless `TESTS_NEED` names it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.harness import npm
from tests.harness.needed import lacking
from tests.harness.processes import Process, run
from tests.harness.settings import settings_of
from unlearn import Settings
from unlearn.errors import ServiceUnavailable
from unlearn.services.jars import find_java, kafka_jars

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PRODUCERS = Path(__file__).parents[2] / "examples" / "producers"


@pytest.fixture(scope="module")
def java() -> Sequence[str]:
    try:
        return find_java(), "-cp", f"{kafka_jars(lambda _: None)}/*", str(PRODUCERS / "SendAndForget.java")
    except ServiceUnavailable as error:
        lacking("java", str(error))


@pytest.fixture(scope="module")
def confluent() -> Sequence[str]:
    if importlib.util.find_spec("confluent_kafka") is None:
        lacking("confluent", "confluent-kafka is not installed")
    return sys.executable, str(PRODUCERS / "send_and_forget_confluent.py")


@pytest.fixture(scope="module")
def kafkajs(tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    folder = tmp_path_factory.mktemp("kafkajs") / "kafkajs"
    return npm.installed(PRODUCERS / "kafkajs", folder), str(folder / "send_and_forget.js")


@pytest.fixture(scope="module")
def model(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("model")
    services: dict[str, Any] = {"kafka": {"bootstrap_servers": kafka}, "redis": {"url": redis_url}}
    stored: dict[str, Any] = {"store": {"url": (folder / "store").as_uri()}, "services_dir": folder}
    made = settings_of(**services, **stored, partitions=4, shards_per_partition=2, features=2**10, trainers=0)
    created = run(made, "topics", "create")
    assert created.returncode == 0, created.stderr
    with Process(made, folder / "worker", "work"):
        yield made


@pytest.mark.parametrize("client", ["java", "confluent", "kafkajs"])
def test_a_producer_of_another_client_is_answered(client: str, model: Settings, request: pytest.FixtureRequest) -> None:
    command = request.getfixturevalue(client)

    sent = _run([*command, model.kafka.bootstrap_servers, model.model, client])

    assert sent.returncode == 0, sent.stderr
    assert sorted(sent.stdout.splitlines()) == [
        f"forget-{client}-alone hidden 1",
        f"forget-{client}-nobody hidden 0",
        f"forget-{client}-person0 hidden 3",
        f"forget-{client}-person1 hidden 3",
        f"forget-{client}-person2 hidden 3",
        f"forget-one-of-{client}-person3 hidden 1",
    ]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

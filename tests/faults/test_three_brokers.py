"""Topics on a cluster of three brokers: how they are made, and what is wrong with those made carelessly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.harness.settings import SECRET
from unlearn.admin import topics
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import TopicSpec
from unlearn.services import broker
from unlearn.services.address import Address, free_port
from unlearn.services.broker import NODE
from unlearn.services.jars import find_java, kafka_jars
from unlearn.services.process import LocalProcess
from unlearn.services.protocol import wait_until
from unlearn.settings import KafkaSettings, Settings

CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"


@contextmanager
def three_brokers(folder: Path) -> Iterator[str]:
    """Their bootstrap servers."""
    java = [find_java(), "-Xmx256m", "-cp", f"{kafka_jars(print)}/*"]
    ports = {number: (free_port(), free_port()) for number in (1, 2, 3)}
    voters = ",".join(f"{number}@127.0.0.1:{controller}" for number, (_, controller) in ports.items())
    with ExitStack() as stack:
        for number, (port, controller) in ports.items():
            config = {
                **NODE,
                "node.id": str(number),
                "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
                "controller.quorum.voters": voters,
                "log.dirs": "data",
            }
            process = LocalProcess(folder / f"node {number}")
            stack.enter_context(process.lock())
            lines = (f"{name}={value}\n" for name, value in config.items())
            (process.folder / "server.properties").write_text("".join(lines))
            stack.callback(process.stop, 20.0)
            process.start([*_script(java)])
        addresses = [Address("127.0.0.1", port) for port, _ in ports.values()]
        servers = ",".join(map(str, addresses))
        settings = KafkaSettings(bootstrap_servers=servers)
        up = wait_until(lambda: all(broker.answers(settings, address) for address in addresses), 200)
        assert up, "\n".join(LocalProcess(folder / f"node {number}").log_end(15) for number in ports)
        yield servers


def _script(java: list[str]) -> list[str]:
    """Formats the storage, then becomes the broker."""
    quoted = " ".join(f"'{word}'" for word in java)
    formats = f"{quoted} kafka.tools.StorageTool format -t {CLUSTER} -c server.properties"
    return ["/bin/sh", "-c", f"{formats} && exec {quoted} kafka.Kafka server.properties"]


@pytest.mark.soak
def test_a_cluster_of_three_gets_three_replicas_and_one_replica_is_a_problem(tmp_path: Path) -> None:
    with three_brokers(tmp_path) as servers:
        kafka = {"bootstrap_servers": servers}
        made, careless = (Settings(secret=SECRET, model=name, kafka=kafka) for name in ("made", "careless"))
        log = KafkaLog(made.kafka)
        assert wait_until(lambda: log.brokers() == 3, 120)
        # What we make is as it should be, and the broker says so
        topics.create(log, made)
        found = log.topic(made.events_topic)
        assert found is not None
        assert (found.replicas, found.config["min.insync.replicas"]) == (3, "2")
        assert topics.check(log, made) == []
        # What was made with the broker's defaults is named, topic by topic
        for spec in topics.wanted(careless):
            config = {name: value for name, value in spec.config.items() if name != "min.insync.replicas"}
            log.create(TopicSpec(spec.name, spec.partitions, config))
        problems = topics.check(log, careless)
        for spec in topics.wanted(careless):
            mine = [problem for problem in problems if f"topic {spec.name} " in problem]
            assert ["replication factor 1, should be 3" in mine[0], "min.insync.replicas=1" in mine[1]] == [True, True]
        assert len(problems) == 8
        log.close()

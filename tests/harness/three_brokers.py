"""A cluster of three brokers of a test's own, each of which can be killed and started again on its data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from unlearn.services import broker
from unlearn.services.address import Address, free_port
from unlearn.services.broker import NODE
from unlearn.services.jars import find_java, kafka_jars
from unlearn.services.process import LocalProcess
from unlearn.services.protocol import wait_until
from unlearn.settings import KafkaSettings

__all__ = ["REPLICATED", "ThreeBrokers", "three_brokers"]

CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"
_WITHIN = 200.0
_GENERATION = re.compile(r"Preparing to rebalance group (\S+) .*?old generation (\d+) \(reason: (.*)\)")
REPLICATED: Mapping[str, str] = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}
"""For a cluster that goes on, and loses nothing, when one of its brokers dies."""


class ThreeBrokers:
    """`servers` are their addresses, joined by commas; they have the numbers 1 to 3."""

    def __init__(self, processes: Mapping[int, LocalProcess], ports: Mapping[int, int]) -> None:
        java = " ".join(f"'{word}'" for word in (find_java(), "-Xmx256m", *_TELLING, "-cp", f"{kafka_jars(print)}/*"))
        self._java = java
        self._processes = processes
        self._said = dict.fromkeys(processes, "")
        self.addresses = {number: Address("127.0.0.1", port) for number, port in ports.items()}
        self.servers = ",".join(map(str, self.addresses.values()))

    def start(self, number: int) -> None:
        """Start the broker, without waiting until it answers; its storage is formatted where it is new."""
        formats = (
            f"[ -d data ] || {self._java} kafka.tools.StorageTool format -t {CLUSTER} -c server.properties > format.txt"
        )
        self._processes[number].start(
            ["/bin/sh", "-c", f"{{ {formats}; }} && exec {self._java} kafka.Kafka server.properties"]
        )

    def kill(self, number: int) -> None:
        """As a machine without power."""
        process = self._processes[number].running()
        if process is not None:
            process.kill()
        self._said[number] += self._log_of(number)
        self._processes[number].stop(20.0)

    def await_answers(self) -> None:
        settings = KafkaSettings(bootstrap_servers=self.servers)
        up = wait_until(lambda: all(broker.answers(settings, place) for place in self.addresses.values()), _WITHIN)
        assert up, "\n".join(process.log_end(15) for process in self._processes.values())

    def rebalances(self, group: str) -> dict[int, str]:
        """Generation of the group that was given up -> why, as the brokers' logs tell."""
        lines = "\n".join(self._said[number] + self._log_of(number) for number in self._processes)
        found = _GENERATION.findall(lines)
        return {int(generation): reason for name, generation, reason in found if name == group}

    def _log_of(self, number: int) -> str:
        try:
            return self._processes[number].log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""


_TELLING = (
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.coordinator.group=info",
)


@contextmanager
def three_brokers(folder: Path, changed: Mapping[str, str] | None = None) -> Iterator[ThreeBrokers]:
    """They answer; killed at the end. `changed` are properties of each."""
    ports = {number: (free_port(), free_port()) for number in (1, 2, 3)}
    voters = ",".join(f"{number}@127.0.0.1:{controller}" for number, (_, controller) in ports.items())
    processes = {number: LocalProcess(folder / f"node {number}") for number in ports}
    cluster = ThreeBrokers(processes, {number: port for number, (port, _) in ports.items()})
    with ExitStack() as stack:
        for number, (port, controller) in ports.items():
            listeners = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}"
            config = NODE | {"node.id": str(number), "controller.quorum.voters": voters, "log.dirs": "data"}
            config |= {"listeners": listeners, "advertised.listeners": listeners} | dict(changed or {})
            stack.enter_context(processes[number].lock())
            lines = (f"{name}={value}\n" for name, value in config.items())
            (processes[number].folder / "server.properties").write_text("".join(lines))
            stack.callback(cluster.kill, number)
            cluster.start(number)
        cluster.await_answers()
        yield cluster

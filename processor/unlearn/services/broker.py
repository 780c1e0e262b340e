"""The configuration of a one-node Kafka, and whether it answers."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from unlearn.services.address import Address
from unlearn.settings import KafkaSettings

# One node can't replicate, waits for nobody, and must not lose what it acknowledged to an unclean election.
NODE = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A killed node may register again once its last session has ended.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "16777216",
}


def node_config(listen_host: str, advertised: Address, controller_port: int, data: str) -> dict[str, str]:
    """All properties of the node. `data` is the folder of its logs; `listen_host` is where it listens."""
    host = f"[{listen_host}]" if ":" in listen_host else listen_host
    return {
        **NODE,
        "listeners": f"PLAINTEXT://{host}:{advertised.port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertised},CONTROLLER://127.0.0.1:{controller_port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": data,
    }


def answers(settings: KafkaSettings, address: Address) -> bool:
    """Whether a Kafka client gets an answer about the cluster."""
    if not address.listens():
        return False
    with _quiet():
        try:
            client = KafkaAdminClient(**settings.client_options() | _IMPATIENT)
        except (KafkaError, OSError):
            return False
        try:
            return bool(client.describe_cluster().get("brokers"))
        except (KafkaError, OSError):
            return False
        finally:
            client.close()


_IMPATIENT = {"bootstrap_timeout_ms": 3000, "request_timeout_ms": 3000}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Inside the `with` block the client logs nothing: a starting broker refuses connections, and that helps nobody."""
    logger = logging.getLogger("kafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)

"""The addresses of the local services, by the settings."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass

from unlearn.environment.redis_url import is_loopback
from unlearn.errors import SettingsError
from unlearn.settings import Settings


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address on this machine."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def listens(self) -> bool:
        """Whether something accepts connections there."""
        try:
            socket.create_connection((self.host, self.port), timeout=1.0).close()
        except OSError:
            return False
        return True


def kafka_address(settings: Settings) -> Address:
    """The one broker's address; SettingsError if the settings name several, another machine or security."""
    name = "UNLEARN_KAFKA__BOOTSTRAP_SERVERS"
    servers = settings.kafka.bootstrap_servers
    if "," in servers:
        raise SettingsError(f"{name} names several brokers; a local Kafka is one, such as 127.0.0.1:9092")
    if settings.kafka.security_protocol != "PLAINTEXT":
        raise SettingsError("UNLEARN_KAFKA__SECURITY_PROTOCOL: a local Kafka speaks PLAINTEXT only")
    host, _, port = servers.rpartition(":")
    return _local(name, host.strip("[]"), int(port))


def redis_address(settings: Settings) -> Address:
    """Redis' address; SettingsError if the settings name another machine, a socket, TLS or a named user."""
    name = "UNLEARN_REDIS__URL"
    found = settings.redis.address
    if found.socket or found.tls or found.username:
        raise SettingsError(
            f"{name}: a local Redis has a port, no TLS and no named users, as in redis://127.0.0.1:6379/0"
        )
    return _local(name, found.host, found.port)


def free_port() -> int:
    """A port that was free a moment ago, below those that systems lend to outgoing connections."""
    for port in range(20_000 + secrets.randbelow(8_000), 32_000):
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise OSError("no free port from 20000 to 32000")


def _local(name: str, host: str, port: int) -> Address:
    if not is_loopback(host):
        raise SettingsError(f"{name} names {host}; local services are started on 127.0.0.1 only")
    if not 1 <= port <= 65535:
        raise SettingsError(f"{name}: {port} is no port")
    return Address("127.0.0.1" if host == "localhost" else host, port)

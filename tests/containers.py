"""Services of the tests in containers, where a Docker engine answers and the image is there.

Not proven yet: it was written where no image could be pulled.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from unlearn.services import docker
from unlearn.services.address import Address
from unlearn.services.broker import node_config
from unlearn.services.protocol import wait_until

REDIS_IMAGE = "redis:7.2.7-alpine"


@contextmanager
def kafka_container(address: Address) -> Iterator[bool]:
    """Kafka on `address`; False where there is no way to have it in a container."""
    config = node_config("0.0.0.0", address, 29093, "/var/lib/kafka/data")
    variables = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in config.items()}
    with _container(docker.IMAGE, address, address.port, variables) as started:
        yield started


@contextmanager
def redis_container(address: Address) -> Iterator[bool]:
    """Redis on `address`; False where there is no way to have it in a container."""
    with _container(REDIS_IMAGE, address, 6379, {}) as started:
        yield started


@contextmanager
def _container(image: str, address: Address, inner_port: int, variables: dict[str, str]) -> Iterator[bool]:
    if not docker.engine_answers() or not docker.image_is_here(image):
        yield False
        return
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image).with_bind_ports(inner_port, address.port)
    for name, value in variables.items():
        container = container.with_env(name, value)
    with container:
        yield wait_until(address.listens, 60.0)

"""Services of the tests in containers, where a Docker engine answers and the image is there.

`deploy/docker/check.sh containers` runs tests on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from unlearn.services import Service, docker
from unlearn.services.broker import node_config
from unlearn.services.kafka import START_WITHIN
from unlearn.services.protocol import wait_until

REDIS_IMAGE = "redis:7.2.7-alpine"


@contextmanager
def kafka_container(kafka: Service) -> Iterator[bool]:
    """That Kafka; False where there is no way to have it in a container."""
    config = node_config("0.0.0.0", kafka.address, 29093, "/var/lib/kafka/data")
    variables = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in config.items()}
    with _container(docker.IMAGE, kafka, kafka.address.port, variables) as started:
        yield started


@contextmanager
def redis_container(redis: Service) -> Iterator[bool]:
    """That Redis; False where there is no way to have it in a container."""
    with _container(REDIS_IMAGE, redis, 6379, {}) as started:
        yield started


@contextmanager
def _container(image: str, service: Service, inner_port: int, variables: dict[str, str]) -> Iterator[bool]:
    if not docker.engine_answers() or not docker.image_is_here(image):
        yield False
        return
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image).with_bind_ports(inner_port, service.address.port)
    for name, value in variables.items():
        container = container.with_env(name, value)
    with container:
        # The engine itself listens on the port from the first moment on.
        if not wait_until(service.answers, START_WITHIN):
            pytest.fail(f"{image} was started and doesn't answer:\n{container.get_logs()}", pytrace=False)
        yield True

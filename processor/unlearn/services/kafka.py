"""A local Kafka: one KRaft node in a container, else in a Java process."""

from __future__ import annotations

import time
from typing import Protocol

from unlearn.errors import ServiceUnavailable
from unlearn.services import broker, docker
from unlearn.services.address import kafka_address
from unlearn.services.docker import KafkaContainer
from unlearn.services.java import KafkaProcess
from unlearn.services.process import LocalProcess
from unlearn.services.protocol import Say, wait_until
from unlearn.settings import Settings

START_WITHIN = 180.0


class _Way(Protocol):
    """One way of running Kafka."""

    way: str

    def start(self, say: Say) -> None:
        """Starts or restarts Kafka, without waiting until it answers. Raises ServiceUnavailable."""

    def running(self) -> bool:
        """Whether what `start` started runs."""

    def stop(self) -> bool:
        """Stops it; its data stay. False if it didn't run."""

    def erase(self) -> None:
        """Removes its data; it must be stopped."""

    def log_end(self, lines: int) -> str:
        """The last lines of its log."""


class LocalKafka:
    """One Kafka node on the address of the settings. `containers=False` leaves a Docker engine alone."""

    name = "kafka"

    def __init__(self, settings: Settings, *, containers: bool = True) -> None:
        self.address = kafka_address(settings)
        self._settings = settings.kafka
        folder = settings.services_dir / "kafka"
        self._folder = LocalProcess(folder)
        self._java = KafkaProcess(folder, self.address)
        self._container = KafkaContainer(folder, self.address)
        self._containers = containers

    def up(self, say: Say) -> str:
        with self._folder.lock():
            if self.answers():
                ours = any(way.running() for way in self._ways())
                return "already running" if ours else "already running, not started here"
            self._stop()
            if self.address.listens():
                raise ServiceUnavailable(
                    f"something that doesn't answer as Kafka listens on {self.address}; "
                    "stop it, or name another port in UNLEARN_KAFKA__BOOTSTRAP_SERVERS"
                )
            return self._first_that_starts(say)

    def _ways(self) -> list[_Way]:
        """The ways to try, in order. A Java process that has data from before goes first, so that a container without
        them doesn't take its place."""
        if not self._containers or not docker.engine_answers():
            return [self._java]
        return [self._java, self._container] if self._java.has_data() else [self._container, self._java]

    def _first_that_starts(self, say: Say) -> str:
        lacks = []
        for way in self._ways():
            began = time.monotonic()
            try:
                way.start(say)
                self._wait_for(way)
            except ServiceUnavailable as error:
                lacks.append(f"{way.way}: {error}")
                say(f"can't run in {lacks[-1]}")
            else:
                return f"started in {way.way} in {time.monotonic() - began:.1f} s"
        raise ServiceUnavailable("no way to run Kafka here; " + "; ".join(lacks))

    def _wait_for(self, way: _Way) -> None:
        if not wait_until(self.answers, START_WITHIN, lambda: not way.running()):
            end = way.log_end(15)
            way.stop()
            raise ServiceUnavailable(f"it did not start; the end of its log:\n{end}")

    def down(self, say: Say) -> bool:
        with self._folder.lock():
            return self._stop()

    def _stop(self) -> bool:
        stopped = [way.stop() for way in self._ways()]
        return any(stopped)

    def erase(self) -> None:
        for way in self._ways():
            way.erase()

    def answers(self) -> bool:
        return broker.answers(self._settings, self.address)

    def log_end(self, lines: int) -> str:
        ways = self._ways()
        return next((way for way in ways if way.running()), ways[-1]).log_end(lines)

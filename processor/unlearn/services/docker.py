"""Kafka in a container, where a Docker engine answers: `deploy/docker/check.sh containers` runs it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from unlearn.errors import ServiceUnavailable
from unlearn.services.address import Address
from unlearn.services.broker import node_config
from unlearn.services.protocol import Say

IMAGE = "apache/kafka:4.3.1"
PULL_WITHIN = 60.0
ANSWER_WITHIN = 30.0
_CONTROLLER_PORT = 29093
_DATA = "/var/lib/kafka/data"


def engine_answers() -> bool:
    """Whether there is a Docker client whose engine answers."""
    return shutil.which("docker") is not None and _docker("version", "--format", "{{.Server.Version}}", within=5.0)[0]


def image_is_here(image: str) -> bool:
    """Whether the engine can start `image` without pulling it."""
    return _docker("image", "inspect", image)[0]


class KafkaContainer:
    """The Kafka container of one services folder; its data are in a Docker volume of the same name."""

    way = "a container"

    def __init__(self, folder: Path, address: Address) -> None:
        self.address = address
        self.name = "unlearn-kafka-" + hashlib.sha256(bytes(folder.absolute())).hexdigest()[:12]

    def start(self, say: Say) -> None:
        """Starts or restarts it. Raises ServiceUnavailable."""
        self._remove()
        if not image_is_here(IMAGE):
            say(f"pulling {IMAGE}, for {PULL_WITHIN:.0f} s at most")
            _require(*_docker("pull", "-q", IMAGE, within=PULL_WITHIN))
        config = node_config("0.0.0.0", self.address, _CONTROLLER_PORT, _DATA)  # noqa: S104  inside the container
        variables = [f"KAFKA_{name.upper().replace('.', '_')}={value}" for name, value in config.items()]
        environment = [part for variable in variables for part in ("-e", variable)]
        ports = f"{self.address.host}:{self.address.port}:{self.address.port}"
        _require(
            *_docker(
                "run",
                "-d",
                "--name",
                self.name,
                "-p",
                ports,
                "-v",
                f"{self.name}:{_DATA}",
                *environment,
                IMAGE,
            )
        )

    def running(self) -> bool:
        done, said = _docker("container", "inspect", "-f", "{{.State.Running}}", self.name)
        return done and said.strip() == "true"

    def stop(self) -> bool:
        """Stops and removes it, its data stay. False if it didn't run."""
        ran = self.running()
        if ran:
            _docker("stop", "-t", "20", self.name)
        self._remove()
        return ran

    def _remove(self) -> None:
        _docker("rm", "-f", self.name)

    def erase(self) -> None:
        _docker("volume", "rm", "-f", self.name)

    def log_end(self, lines: int) -> str:
        return _docker("logs", "--tail", str(lines), self.name)[1]


def _docker(*arguments: str, within: float = ANSWER_WITHIN) -> tuple[bool, str]:
    """(whether the command succeeded, what it said)."""
    try:
        done = subprocess.run(
            ["docker", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=within,
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {within:.0f} s"
    return done.returncode == 0, done.stdout


def _require(done: bool, said: str) -> None:
    if not done:
        raise ServiceUnavailable(f"Docker: {(said.strip() or 'no reason given').splitlines()[-1]}")

"""Kafka as a Java process."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from pathlib import Path

from unlearn.environment.private_files import make_file
from unlearn.errors import ServiceUnavailable
from unlearn.services.address import Address, free_port
from unlearn.services.broker import node_config
from unlearn.services.jars import find_java, kafka_jars
from unlearn.services.process import PRIVATE, LocalProcess
from unlearn.services.protocol import Say

FORMAT_WITHIN = 60.0
STOP_WITHIN = 20.0
_OPTIONS = (
    "-Xmx512m",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


class KafkaProcess:
    """The Java process of one services folder. All its paths are relative to that folder."""

    way = "a Java process"

    def __init__(self, folder: Path, address: Address) -> None:
        self.address = address
        self._process = LocalProcess(folder)
        self._data = self._process.folder / "data"

    def start(self, say: Say) -> None:
        """Starts it, formatting its storage if that is new. Raises ServiceUnavailable."""
        java = [find_java(), *_OPTIONS, "-cp", f"{kafka_jars(say)}/*"]
        config = node_config(self.address.host, self.address, free_port(), "data")
        if not self.has_data():
            say("formatting Kafka's storage")
            self._format(java, config)
        self._write("server.properties", config)
        say(f"starting Kafka on {self.address}")
        self._process.start([*java, "kafka.Kafka", "server.properties"])

    def has_data(self) -> bool:
        """Whether the folder holds data of an earlier start."""
        return self._data.exists()

    def _format(self, java: list[str], config: dict[str, str]) -> None:
        """Makes the data folder as a whole or not at all."""
        scratch = self._data.with_name("data.new")
        shutil.rmtree(scratch, ignore_errors=True)
        self._write("format.properties", config | {"log.dirs": scratch.name})
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # An id that starts with a dash would be read as an option.
        cluster = "A" + cluster[1:]
        # It ends before an optimizing compiler is worth its CPU.
        tool = [
            *java,
            "-XX:TieredStopAtLevel=1",
            "kafka.tools.StorageTool",
            "format",
            "-t",
            cluster,
            "-c",
            "format.properties",
        ]
        done = _run(tool, self._process.folder)
        if done.returncode != 0:
            raise ServiceUnavailable(f"formatting failed:\n{done.stdout[-1500:]}")
        scratch.rename(self._data)

    def _write(self, name: str, properties: dict[str, str]) -> None:
        lines = (f"{name}={value}\n" for name, value in properties.items())
        make_file(self._process.folder / name).write_text("".join(lines), encoding="ascii")

    def running(self) -> bool:
        return self._process.running() is not None

    def stop(self) -> bool:
        """Stops it in order, within a limit. False if it didn't run."""
        return self._process.stop(STOP_WITHIN)

    def erase(self) -> None:
        shutil.rmtree(self._process.folder, ignore_errors=True)

    def log_end(self, lines: int) -> str:
        return self._process.log_end(lines)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FORMAT_WITHIN,
            umask=PRIVATE,
        )
    except subprocess.TimeoutExpired:
        raise ServiceUnavailable(f"formatting took over {FORMAT_WITHIN:.0f} s") from None

"""Kafka and Redis of a test's own, to be frozen, killed, started again and taken back."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import psutil
import redis

from tests.harness.settings import settings_of
from tests.harness.waiting import until
from tests.servers import redis_server
from unlearn.environment.redis_client import connect
from unlearn.local_password import with_local_password
from unlearn.services import LocalKafka, LocalRedis
from unlearn.services.address import free_port

__all__ = ["BreakableService", "OwnKafka", "OwnRedis", "RewindableRedis", "during"]


class BreakableService:
    """A local service that can be frozen, killed and started again on its data."""

    def __init__(self, service: LocalRedis | LocalKafka, folder: Path) -> None:
        self._service = service
        self._folder = folder
        service.up(print)

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(int((self._folder / "pid").read_text()))

    def freeze(self) -> None:
        self.process.suspend()

    def thaw(self) -> None:
        self.process.resume()

    def kill(self) -> None:
        process = self.process
        process.kill()
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 120, "it is dead")

    def start(self) -> None:
        self._service.up(print)

    def close(self) -> None:
        with suppress(psutil.Error, OSError):
            self.process.resume()
        self._service.down(print)


class OwnRedis(BreakableService):
    def __init__(self, folder: Path) -> None:
        url = f"redis://127.0.0.1:{free_port()}/0"
        settings = settings_of(model="own", services_dir=folder, redis={"url": url})
        super().__init__(LocalRedis(settings), folder / "redis")
        self.url = with_local_password(settings).redis.url.get_secret_value()
        self.client = connect(self.url)

    def close(self) -> None:
        self.client.close()
        super().close()


class OwnKafka(BreakableService):
    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        values: dict[str, Any] = {"services_dir": folder, "kafka": {"bootstrap_servers": self.address}}
        super().__init__(LocalKafka(settings_of(model="own", **values), containers=False), folder / "kafka")


class RewindableRedis:
    """A redis-server whose append-only file can be cut at any byte.

    Every write is in the file before its answer; the file is never rewritten.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._running = ExitStack()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def restart_with(self, data: bytes) -> None:
        """As after a crash that left these bytes."""
        self._running.close()
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self._file.write_bytes(data)
        self._start()

    @property
    def data(self) -> bytes:
        return self._file.read_bytes()

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    @property
    def _file(self) -> Path:
        return self._folder / "appendonly.aof"

    def _start(self) -> None:
        written = ("appendonly yes", "appendfsync always", "auto-aof-rewrite-percentage 0", "aof-use-rdb-preamble no")
        self._running.enter_context(
            redis_server(self._folder, *written, 'rename-command BGREWRITEAOF ""', port=self._port)
        )
        until(self._answers, 20, lambda: self.log)

    def _answers(self) -> bool:
        """It listens before it has read its file."""
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def during(act: Callable[[], None], seconds: float, undo: Callable[[], None]) -> threading.Thread:
    """Do it now, and undo it after some seconds on a thread of its own."""
    act()

    def later() -> None:
        time.sleep(seconds)
        undo()

    thread = threading.Thread(target=later)
    thread.start()
    return thread

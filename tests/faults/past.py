"""A redis-server of one's own, whose append-only file can be cut at any byte."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from typing import Self

import redis

from unlearn.services.address import free_port
from unlearn.services.redis import find_binary


class OwnRedis:
    """Every write is in the file before its answer; the file is never rewritten."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._folder.mkdir()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()

    def restart_with(self, data: bytes) -> None:
        """As after a crash that left these bytes."""
        self._kill()
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
        options = {"appendonly": "yes", "appendfsync": "always", "save": "", "auto-aof-rewrite-percentage": "0"}
        options |= {"port": str(self._port), "bind": "127.0.0.1", "logfile": "log", "aof-use-rdb-preamble": "no"}
        command = [find_binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]
        command += ["--rename-command", "BGREWRITEAOF", ""]
        self._process = subprocess.Popen(command, cwd=self._folder)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

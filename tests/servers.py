"""A redis-server of a test's own, in whatever mode and with whatever configuration."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unlearn.services.address import Address, free_port
from unlearn.services.redis import find_binary

__all__ = ["redis_server"]


@contextmanager
def redis_server(folder: Path, *lines: str, sentinel: bool = False, port: int | None = None) -> Iterator[int]:
    """Its port, once it listens; `lines` are of its configuration. Killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    basic = [f"port {port}", "bind 127.0.0.1", 'save ""', "logfile log"]
    (folder / "redis.conf").write_text("\n".join([*basic, *lines]) + "\n")
    command = [find_binary(), "redis.conf", *(["--sentinel"] if sentinel else [])]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    try:
        while not Address("127.0.0.1", port).listens():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait(30)

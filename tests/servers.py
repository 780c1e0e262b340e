"""A redis-server of a test's own, in whatever mode and with whatever configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unlearn.services.address import Address, free_port
from unlearn.services.redis import find_binary

__all__ = ["redis_server", "redis_with_tls"]


_NAMES = ("redis-server", "redis-check-rdb")
"""Of the server's file: Debian's redis-tools have it by the second name alone. It does what it is called by."""
_OF_TLS = b"tls-cert-file"
"""A setting that a server which was built without TLS doesn't know."""


def redis_with_tls() -> str | None:
    """The path of a redis-server that has TLS: on the PATH or in /usr/bin; None where there is none."""
    path = f"{os.environ.get('PATH', '')}:/usr/bin"
    found = (shutil.which(name, path=path) for name in _NAMES)
    return next((binary for binary in found if binary and _OF_TLS in Path(binary).read_bytes()), None)


@contextmanager
def redis_server(
    folder: Path, *lines: str, sentinel: bool = False, port: int | None = None, binary: str | None = None
) -> Iterator[int]:
    """Its port, once it listens; `lines` are of its configuration, `binary` the server's file. Killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    basic = [f"port {port}", "bind 127.0.0.1", 'save ""', "logfile log"]
    (folder / "redis.conf").write_text("\n".join([*basic, *lines]) + "\n")
    command = ["redis-server", "redis.conf", *(["--sentinel"] if sentinel else [])]
    process = subprocess.Popen(command, executable=binary or find_binary(), cwd=folder, stdout=subprocess.DEVNULL)
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

"""Redis' server kept to the core that is measured, so that what it uses is taken from the worker's own time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import redis

__all__ = ["on_core", "server_of"]


@contextmanager
def on_core(client: redis.Redis, core: int | None) -> Iterator[bool]:
    """While it lasts, all threads of the server keep to the core; whether they do.

    They don't where systems can't pin, and where the server is not a process of this user on this machine.
    """
    threads = _threads(client) if core is not None else []
    kept: dict[int, set[int]] = {}
    try:
        with suppress(OSError):
            for thread in threads:
                kept[thread] = os.sched_getaffinity(thread)
                os.sched_setaffinity(thread, {core or 0})
        yield bool(threads) and len(kept) == len(threads)
    finally:
        for thread, cores in kept.items():
            with suppress(OSError):
                os.sched_setaffinity(thread, cores)


def server_of(client: redis.Redis) -> psutil.Process | None:
    """The server's process, if it is one of this user on this machine."""
    found: Any = client.info("server")
    try:
        server = psutil.Process(int(found["process_id"]))
        # In a container its number is that of some other process here.
        return server if int(found["tcp_port"]) in _ports(server) else None
    except (psutil.Error, KeyError):
        return None


def _threads(client: redis.Redis) -> list[int]:
    server = server_of(client)
    return [thread.id for thread in server.threads()] if server else []


def _ports(server: psutil.Process) -> set[int]:
    return {one.laddr.port for one in server.net_connections() if one.status == psutil.CONN_LISTEN}

"""What processes and Redis hold on to, looked at again and again, and whether it grows."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import redis

from bench.processes.redis_memory import used

__all__ = ["UNITS", "Look", "growth", "look", "quarters"]


class Look(NamedTuple):
    """At one moment: of the workers with the processes that they started, of Redis, and of the store."""

    rss: float
    open_files: float
    threads: float
    redis_memory: float
    redis_clients: float
    store_bytes: float
    store_files: float


UNITS: Mapping[str, str] = {"rss": "MB", "redis_memory": "MB", "store_bytes": "MB"}
"""Of the fields that have one; MB are 10^6 bytes."""
_MB = 1e6


def look(pids: Iterable[int], client: redis.Redis, store: Path, others: int) -> Look:
    """`others`: bytes that Redis held before. Raises psutil.NoSuchProcess when one of the processes has ended."""
    everyone = [process for pid in pids for process in _with_children(psutil.Process(pid))]
    sizes = [path.stat().st_size for path in store.rglob("*") if path.is_file()]
    clients: Any = client.info("clients")
    # Its last 128 entries are some 1.3 kB each, and fill slowly where the machine is busy.
    client.slowlog_reset()
    return Look(
        rss=sum(process.memory_info().rss for process in everyone) / _MB,
        open_files=sum(process.num_fds() for process in everyone),
        threads=sum(process.num_threads() for process in everyone),
        redis_memory=(used(client) - others) / _MB,
        redis_clients=clients["connected_clients"],
        store_bytes=sum(sizes) / _MB,
        store_files=len(sizes),
    )


def quarters(looks: Sequence[Look]) -> list[Look]:
    """The mean of each quarter of the time. Raises ValueError for fewer looks than quarters."""
    if len(looks) < 4:
        raise ValueError("fewer than four looks")
    edges = [len(looks) * number // 4 for number in range(5)]
    return [
        Look(*(statistics.fmean(values) for values in zip(*looks[start:stop], strict=True)))
        for start, stop in pairwise(edges)
    ]


def growth(looks: Sequence[Look]) -> Look:
    """Field by field: the last quarter's mean as a multiple of the second's. The first one warms up."""
    _, second, _, last = quarters(looks)
    return Look(*(b / a if a else 1.0 for a, b in zip(second, last, strict=True)))


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    found = [process]
    with suppress(psutil.Error):
        found += process.children(recursive=True)
    return found

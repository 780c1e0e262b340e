"""A worker is killed in the middle of a backlog: how long until its successor goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import redis
from kafka import KafkaAdminClient

from bench.processes.workers import Workers
from unlearn.settings import Settings
from unlearn.state.keys import Keys

__all__ = ["Claimed", "Group", "kill_one", "progress_of"]

_EVERY = 0.02
_WITHIN = 120.0


class Claimed(NamedTuple):
    """Seconds from the kill until the group put the dead worker out, and until its partitions moved on: the first and
    the last of them were claimed, and had their first event applied."""

    expelled: float
    claimed: tuple[float, float]
    applied: tuple[float, float]
    backlog: int
    """Events that those partitions had still to apply at the kill."""


class Group:
    """When the broker counts fewer members in the group than before."""

    def __init__(self, settings: Settings, admin: KafkaAdminClient) -> None:
        self._group, self._admin = settings.group_id, admin
        self.shrunk_at: float | None = None

    def members(self) -> int:
        return len(self._admin.describe_groups([self._group])[self._group]["members"])

    def watch(self, members: int, done: threading.Event) -> None:
        """Until there are fewer members."""
        while self.shrunk_at is None and not done.wait(_EVERY):
            if self.members() < members:
                self.shrunk_at = time.monotonic()


def progress_of(client: redis.Redis, settings: Settings, partitions: list[int]) -> dict[int, tuple[bytes, int]]:
    """Partition -> its owner's token and the offset up to which it has applied."""
    found: dict[int, tuple[bytes, int]] = {}
    for partition in partitions:
        said: Any = client.hmget(Keys(settings.model, partition).meta, "token", "applied")
        found[partition] = said[0] or b"", int(said[1] or 0)
    return found


def kill_one(client: redis.Redis, settings: Settings, workers: Workers, ends: Mapping[int, int]) -> Claimed:
    """Kill the first of the workers, which stand before a backlog up to `ends`, once it has applied a tenth of it.

    Raises TimeoutError where its partitions don't move on.
    """
    theirs = workers.owned()[0]
    began = progress_of(client, settings, theirs)
    backlog = sum(ends[partition] - began[partition][1] for partition in theirs)
    with _group(settings) as group:
        members, done = group.members(), threading.Event()
        workers.go()
        _wait(lambda: _applied(client, settings, theirs) - sum(at for _, at in began.values()) >= backlog // 10)
        workers.processes[0].kill()
        killed_at = time.monotonic()
        workers.processes[0].join()
        before = progress_of(client, settings, theirs)
        watcher = threading.Thread(target=group.watch, args=(members, done), daemon=True)
        watcher.start()
        try:
            claimed, applied = _followed(client, settings, before)
        finally:
            done.set()
            watcher.join()
    expelled = (group.shrunk_at or killed_at) - killed_at
    spans = [(min(at) - killed_at, max(at) - killed_at) for at in (claimed, applied)]
    left = sum(ends[partition] - at for partition, (_, at) in before.items())
    return Claimed(expelled, spans[0], spans[1], left)


def _followed(
    client: redis.Redis, settings: Settings, before: Mapping[int, tuple[bytes, int]]
) -> tuple[list[float], list[float]]:
    """When each of the partitions had a new owner, and when that one had applied something."""
    claimed: dict[int, float] = {}
    applied: dict[int, float] = {}

    def moved_on() -> bool:
        now = progress_of(client, settings, list(before))
        for partition, (token, at) in now.items():
            if token == before[partition][0]:
                continue
            claimed.setdefault(partition, time.monotonic())
            if at > before[partition][1]:
                applied.setdefault(partition, time.monotonic())
        return len(applied) == len(before)

    _wait(moved_on)
    return list(claimed.values()), list(applied.values())


def _applied(client: redis.Redis, settings: Settings, partitions: list[int]) -> int:
    return sum(applied for _, applied in progress_of(client, settings, partitions).values())


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WITHIN
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the partitions of a worker that was killed did not move on in {_WITHIN:g} s")
        time.sleep(_EVERY)


@contextmanager
def _group(settings: Settings) -> Iterator[Group]:
    with closing(KafkaAdminClient(**settings.kafka.client_options())) as admin:
        yield Group(settings, admin)

"""A worker's calls to Redis, the log and the store, by name; at a chosen one its process is sent a signal.

A call's kind is what it calls: `script commit`, `send results`, `fsync`. Its name says who calls, too:
`script commit in Manifests._publish`. Names follow from the code, so a new step has its crash points at once.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from signal import Signals
from types import FrameType
from typing import Any, NamedTuple

import redis

import unlearn
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.kafka.producer import KafkaProducer
from unlearn.log.kafka.reader import KafkaReader
from unlearn.state.scripts import text_of
from unlearn.storage.artefacts import FolderStore

ROOT = Path(unlearn.__file__).parent
PORTS = (
    "log/",
    "state/",
    "storage/artefacts.py",
    "storage/marker.py",
    "partition/claimed_partition.py",
    "simulate/fault_injection.py",
)
"""Not these are asked who calls, but those that call them."""
SCRIPTS = {hashlib.sha1(text_of(name).encode()).hexdigest(): name for name in ("commit", "read", "claim")}


class Point(NamedTuple):
    """The `nth` call of that kind or name, before or after its effect."""

    name: str
    nth: int
    after: bool


class Calls:
    """Sends this process the signal at the point. Every call that came back goes to the journal, a name a line."""

    def __init__(self, point: Point | None, number: Signals, journal: str) -> None:
        self._point, self._number = point, number
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def call(self, kind: str, act: Callable[[], Any]) -> Any:
        name = f"{kind} in {caller()}"
        here = self._is_point(kind, name)
        if here is not None and not here.after:
            os.kill(os.getpid(), self._number)
        answer = act()
        os.write(self._journal, f"{name}\n".encode())
        if here is not None and here.after:
            os.kill(os.getpid(), self._number)
        return answer

    def _is_point(self, kind: str, name: str) -> Point | None:
        point = self._point
        with self._lock:
            self._seen.update((kind, name))
            reached = point is not None and self._seen[point.name] == point.nth and point.name in (kind, name)
        return point if reached else None

    def watch(self, owner: Any, name: str, kind_of: Callable[..., str]) -> None:
        plain = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            return self.call(kind_of(*args), lambda: plain(*args, **kwargs))

        setattr(owner, name, watched)

    def watch_all(self) -> None:
        """Every way out of a worker: Redis, the log, the store."""
        self.watch(redis.Redis, "execute_command", _command)
        self.watch(redis.client.Pipeline, "execute", lambda *_: "redis load")
        for name in ("send", "send_batch"):
            self.watch(KafkaProducer, name, lambda _, topic, *__: f"send {topic.rpartition('.')[2]}")
        for name in ("poll", "seek", "commit"):
            self.watch(KafkaReader, name, lambda *_, name=name: f"log {name}")
        for name in ("bounds", "read"):
            self.watch(KafkaLog, name, lambda *_, name=name: f"log {name}")
        for name in ("put", "get", "names", "delete"):
            self.watch(FolderStore, name, lambda *_, name=name: f"store {name}")
        self.watch(os, "fsync", lambda *_: "fsync")
        self.watch(Path, "rename", lambda *_: "rename")


def caller() -> str:
    """Who in the worker makes this call."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(str(ROOT)) and not path[len(str(ROOT)) + 1 :].startswith(PORTS):
            return frame.f_code.co_qualname.partition(".<locals>")[0]
        frame = frame.f_back
    return "nobody of ours"


def kind_of(name: str) -> str:
    return name.partition(" in ")[0]


def _command(_: Any, name: str, *args: Any) -> str:
    if name == "EVALSHA":
        return f"script {SCRIPTS.get(str(args[0]), 'of others')}"
    return "script load" if name == "SCRIPT LOAD" else "redis"

"""Runs `unlearn work --drain` in processes that kill themselves at a chosen external call, then once more.

Reads from standard input a JSON object, name -> {environment, point: [kind, nth, after] or null, journal, err}:
the worker's calls go to the journal, one kind a line. Answers name -> the exit codes of both processes; without
a point there is only the first. All are forks of one process that has loaded everything.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import redis

from processor.log.kafka import KafkaLog
from processor.log.kafka_producer import KafkaProducer
from processor.log.kafka_reader import KafkaReader
from processor.store import FolderStore
from tests.integration.forking import LOADED, run

AT_ONCE = 6
WITHIN = 60
"""Seconds until a process that doesn't come to its end is ended."""
SCRIPTS = {
    hashlib.sha1(files("processor.state").joinpath(f"{name}.lua").read_bytes()).hexdigest(): name
    for name in ("commit", "read", "claim")
}


class Killer:
    """Ends its process by SIGKILL at the point: nothing of it runs any more."""

    def __init__(self, point: tuple[str, int, bool] | None, journal: str) -> None:
        self._point = point
        self._seen: Counter[str] = Counter()
        self._journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def call(self, kind: str, act: Callable[[], Any]) -> Any:
        self._seen[kind] += 1
        here = self._point is not None and (kind, self._seen[kind]) == self._point[:2]
        if here and self._point and not self._point[2]:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = act()
        os.write(self._journal, f"{kind}\n".encode())
        if here:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    def watch(self, owner: Any, name: str, kind_of: Callable[..., str]) -> None:
        plain = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            return self.call(kind_of(*args), lambda: plain(*args, **kwargs))

        setattr(owner, name, watched)

    def watch_all(self) -> None:
        """Every way out of a worker: Redis, the log, the store."""
        self.watch(redis.Redis, "execute_command", _command)
        self.watch(redis.client.Pipeline, "execute", lambda *_: "redis load")
        self.watch(KafkaProducer, "send", lambda _, topic, *__: f"send {topic.rpartition('.')[2]}")
        for name in ("poll", "seek", "commit"):
            self.watch(KafkaReader, name, lambda *_, name=name: f"log {name}")
        for name in ("bounds", "read"):
            self.watch(KafkaLog, name, lambda *_, name=name: f"log {name}")
        for name in ("put", "get", "names"):
            self.watch(FolderStore, name, lambda *_, name=name: f"store {name}")
        self.watch(os, "fsync", lambda *_: "fsync")
        self.watch(Path, "rename", lambda *_: "rename")


def _command(_: Any, name: str, *args: Any) -> str:
    return f"script {SCRIPTS.get(str(args[0]), 'of others')}" if name == "EVALSHA" else "redis"


def fork(case: dict[str, Any], point: Any) -> int:
    pid = os.fork()
    if pid == 0:
        signal.alarm(WITHIN)
        killer = Killer(tuple(point) if point else None, case["journal"])
        killer.watch_all()
        run({"arguments": ["work", "--drain"], "out": case["err"] + ".out", **case})
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def both(case: dict[str, Any]) -> list[int]:
    codes = [fork(case, case["point"])]
    if case["point"]:
        # In a group of its own: it need not wait for the dead one's session to end.
        again = {**case["environment"], "UNLEARN_KAFKA__GROUP_ID": "again"}
        codes.append(fork({**case, "environment": again, "err": case["err"] + ".again"}, None))
    return codes


if __name__ == "__main__":
    for module in (*LOADED, "processor.cli.work", "models.naive_bayes", "processor.pool"):
        importlib.import_module(module)
    cases = json.load(sys.stdin)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        print(json.dumps(dict(zip(cases, threads.map(both, cases.values()), strict=True))))

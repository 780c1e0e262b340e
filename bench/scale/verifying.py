"""Both ways to verify a model, each in a process of its own, with the time and memory that it takes."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from multiprocessing.connection import Connection
from typing import NamedTuple

from bench.processes.peak_memory import watched
from unlearn.environment.redis_client import connect
from unlearn.learners import learner_of
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings
from unlearn.state.scripts import states
from unlearn.storage.artefacts import open_store
from unlearn.verification.from_store import verify_store
from unlearn.verification.in_processes import verify_log_in_processes
from unlearn.verification.report import Progress, Report

__all__ = ["WAYS", "Verified", "verified"]

WAYS = ("store", "log")


class Verified(NamedTuple):
    """How many shards have each verdict, the seconds it took, and the bytes that were resident at most."""

    counts: Mapping[str, int]
    seconds: float
    rss: int


def verified(settings: Settings, way: str, progress: Progress) -> Verified:
    """As `unlearn verify` does it, from the store or `--from-log`. Raises TimeoutError where the process ends early."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_verify, args=(settings, way, theirs))
    began = time.monotonic()
    process.start()
    theirs.close()
    assert process.pid is not None
    try:
        with watched({way: process.pid}) as peaks, closing(ours):
            report = _report(ours, progress)
            seconds = time.monotonic() - began
            peaks.look()
        return Verified({str(name): count for name, count in report.counts.items()}, seconds, max(peaks.bytes.values()))
    finally:
        process.join(60.0)
        if process.is_alive():
            process.kill()
            process.join()


def _report(pipe: Connection, progress: Progress) -> Report:
    while True:
        try:
            found = pipe.recv()
        except EOFError:
            raise TimeoutError("the verification ended before its report") from None
        if isinstance(found, Report):
            return found
        progress(*found)


def _verify(settings: Settings, way: str, pipe: Connection) -> None:
    with closing(KafkaLog(settings.kafka)) as log:
        pipe.send(_BY_WAY[way](settings, log, lambda *done: pipe.send(done)))
    # The other end looks at this process' memory once more before it closes the pipe.
    pipe.poll(10.0)


def _from_store(settings: Settings, log: KafkaLog, progress: Progress) -> Report:
    with connect(settings.redis.url.get_secret_value()) as client:
        store = open_store(settings.store, settings.model)
        return verify_store(settings, log, states(client, settings.model), store, learner_of(settings), progress)


def _from_log(settings: Settings, _: KafkaLog, progress: Progress) -> Report:
    return verify_log_in_processes(settings, progress, os.cpu_count() or 1)


_BY_WAY: Mapping[str, Callable[[Settings, KafkaLog, Progress], Report]] = {"store": _from_store, "log": _from_log}

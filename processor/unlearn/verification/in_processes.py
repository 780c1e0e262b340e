"""Verifies a model from its log, several partitions at once: none of them needs anything of another."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing.queues import SimpleQueue
from typing import Any

from unlearn.log.kafka.log import KafkaLog
from unlearn.results.manifest import Manifest
from unlearn.settings import Settings
from unlearn.verification.from_log import bounds_of, results_of, verify_log, verify_partition
from unlearn.verification.report import Progress, Report, ShardVerdict
from unlearn.verification.subject import subject_of

__all__ = ["FEW", "verify_log_in_processes"]

FEW = 200_000
"""Of fewer records a process of its own takes longer to start than to verify them."""
_told: SimpleQueue[tuple[str, int, int] | None] | None = None


def verify_log_in_processes(
    settings: Settings, progress: Progress, processes: int, timeout: float = 60.0, few: int = FEW
) -> Report:
    """As `verify_log` on the settings' Kafka, and the same report, by so many processes at most."""
    subject = subject_of(settings)
    count = subject.model.partitions
    with closing(KafkaLog(settings.kafka)) as log:
        bounds = bounds_of(log, subject.events_topic, count)
        if min(processes, count) < 2 or sum(end - start for start, end in bounds.values()) < few:
            return verify_log(log, subject, progress, timeout)
        results = results_of(log, subject.results_topic, subject.name, count, timeout)
    manifests = [results.of(partition).manifest for partition in range(count)]
    context = multiprocessing.get_context("spawn")
    told: SimpleQueue[tuple[str, int, int] | None] = context.SimpleQueue()
    with (
        _telling(told, progress),
        ProcessPoolExecutor(min(processes, count), context, initializer=_begin, initargs=(told,)) as pool,
    ):
        asked = [
            pool.submit(_verify, settings, partition, manifest, bounds[partition][1])
            for partition, manifest in enumerate(manifests)
        ]
        shards = [shard for future in asked for shard in future.result()]
    return Report(tuple(shards), results.version)


@contextmanager
def _telling(told: SimpleQueue[tuple[str, int, int] | None], progress: Progress) -> Iterator[None]:
    """Pass on what the processes tell of their progress."""

    def listen() -> None:
        while (found := told.get()) is not None:
            progress(*found)

    thread = threading.Thread(target=listen, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        told.put(None)
        thread.join()


def _begin(told: Any) -> None:
    global _told  # noqa: PLW0603  a process of the pool has one
    _told = told


def _verify(settings: Settings, partition: int, manifest: Manifest | None, end: int) -> list[ShardVerdict]:
    told = _told
    with closing(KafkaLog(settings.kafka)) as log:
        progress = None if told is None else lambda *done: told.put(done)
        return verify_partition(log, subject_of(settings), partition, manifest, end, progress)

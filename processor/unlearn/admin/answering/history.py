"""Reads the versions of some partitions: from the history topic, and from the newest manifests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator

from unlearn.errors import LogUnavailable, TopicMissing
from unlearn.log.protocol import Log
from unlearn.results.history import FULL_EVERY, PublishedVersion, read_version
from unlearn.results.manifest import manifest_key
from unlearn.results.proof import Prover
from unlearn.results.results_topic import read_results
from unlearn.results.versions import Version, told_of, versions_of
from unlearn.settings import Settings
from unlearn.verification.report import Progress

__all__ = ["History"]

_PROGRESS_EVERY = 1000
_BEFORE = FULL_EVERY + 3_600_000
"""Milliseconds: a full message is no older, if the clocks of owners and brokers are less than an hour apart."""


class History:
    """Reads the history of one model, by its identity. `note` is called with what isn't known, and why."""

    def __init__(
        self, log: Log, settings: Settings, identity_hash: str, progress: Progress, note: Callable[[str], None]
    ) -> None:
        self._log = log
        self._settings = settings
        self._identity = identity_hash
        self._progress = progress
        self._note = note

    def versions(self, partitions: Collection[int], since: int | None) -> dict[int, list[Version]]:
        """The partitions' versions, but those from long before `since` (ms since 1970; None: all).

        Raises LogUnavailable, and TopicMissing for the results topic.
        """
        told = self._newest(partitions)
        try:
            start = self._start(since)
            for message in self._read(partitions, start):
                told[message.partition].append(message)
        except TopicMissing as error:
            self._note(f"which versions there were isn't known, but for the newest: {error}")
        return {partition: versions_of(told[partition]) for partition in partitions}

    def _start(self, since: int | None) -> int:
        topic = self._settings.history_topic
        start, _ = self._log.bounds(topic)[0]
        return start if since is None else max(start, self._log.offset_at(topic, 0, max(0, since - _BEFORE)))

    def _read(self, partitions: Collection[int], start: int) -> Iterator[PublishedVersion]:
        keys = {manifest_key(self._settings.model, partition): partition for partition in partitions}
        topic = self._settings.history_topic
        _, end = self._log.bounds(topic)[0]
        for record in self._log.read(topic, 0, start, end):
            if record.offset % _PROGRESS_EVERY == 0:
                self._progress("history", record.offset, end)
            message = read_version(record.value) if record.key in keys else None
            if message is not None and message.partition == keys[record.key or b""] and self._is_ours(message):
                yield message
        self._progress("history", end, end)

    def _is_ours(self, message: PublishedVersion) -> bool:
        return message.model == self._settings.model and message.identity == self._identity

    def _newest(self, partitions: Collection[int]) -> dict[int, list[PublishedVersion]]:
        """What may not be in the history yet."""
        given = self._settings
        patience, holds = given.kafka.request_timeout, Prover(given.secret_bytes).holds
        topic = given.results_topic
        results = read_results(self._log, topic, given.model, given.partitions, patience, holds, keeps_recent=True)
        if results is None:
            raise LogUnavailable(f"{topic} can't be read to its end")
        told = defaultdict[int, list[PublishedVersion]](list)
        for partition in partitions:
            told[partition] += filter(self._is_ours, told_of(results.of(partition).recent))
        return told

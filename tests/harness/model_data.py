"""What a model has said on its log, and what it keeps in Redis."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from unlearn.events.event import Delete
from unlearn.log.protocol import Log, Record
from unlearn.partition.tables import Tables
from unlearn.results.manifest import Manifest, Position, Receipt, read_manifest
from unlearn.settings import Settings
from unlearn.simulate.replay import replay_log
from unlearn.verification.from_log import verify_log
from unlearn.verification.report import Report
from unlearn.verification.subject import subject_of
from unlearn.worker.lifecycle import states

__all__ = [
    "ModelLog",
    "Past",
    "dead_letters",
    "forget_keys",
    "keys_of",
    "manifests",
    "receipts",
    "records",
    "remember",
    "roll_back",
    "views",
]

Past = Mapping[bytes, bytes]
"""Every key of a model, as DUMP gives it."""
_END = 1 << 60

# -- the log


def records(log: Log, topic: str, partition: int = 0) -> list[Record]:
    """All that stand there."""
    return list(log.read(topic, partition, 0, _END))


def manifests(log: Log, settings: Settings) -> list[tuple[int, Manifest]]:
    """(results offset, manifest) of every one that stands on the topic, in its order."""
    read = [(record.offset, read_manifest(record.value or b"")) for record in records(log, settings.results_topic)]
    return [(offset, manifest) for offset, manifest in read if manifest is not None]


def receipts(log: Log, settings: Settings, state: str | None = None) -> list[Receipt]:
    """All of them, or those of a state, in their order."""
    read = [Receipt.model_validate_json(record.value or b"") for record in records(log, settings.receipts_topic)]
    return [receipt for receipt in read if state in (None, receipt.state)]


def dead_letters(log: Log, settings: Settings) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in records(log, settings.dead_letters_topic)]


class ModelLog:
    """What every harness can tell of its model's log."""

    log: Any
    settings: Settings

    def manifests(self) -> list[tuple[int, Manifest]]:
        return manifests(self.log, self.settings)

    def receipts(self, state: str | None = None) -> list[Receipt]:
        return receipts(self.log, self.settings, state)

    def event_ids(self, state: str) -> set[str]:
        """Of the deletions that were reported so."""
        return {receipt.event_id for receipt in self.receipts(state)}

    def counts_told(self) -> dict[str, int | None]:
        """How many records each event is said to have been about, by event id: the sum of what was told in the end of
        each place where it was applied. None: of one of these it was not told."""
        final: dict[tuple[str, Position | None], int | None] = {}
        for receipt in self.receipts("hidden"):
            key = receipt.event_id, receipt.applied_at
            final[key] = receipt.records if receipt.records is not None else final.get(key)
        found: dict[str, int | None] = {}
        for (event_id, _), count in final.items():
            before = found.get(event_id, 0)
            found[event_id] = None if count is None or before is None else before + count
        return found

    def counts_due(self) -> dict[str, int]:
        """The same, by an independent count of the log."""
        subject = subject_of(self.settings)
        found: Counter[str] = Counter()
        for partition, (_, end) in self.log.bounds(self.settings.events_topic).items():
            beyond = partition >= self.settings.partitions
            killed = Counter[int]() if beyond else replay_log(self.log, subject, partition, end).killed()
            for record in records(self.log, self.settings.events_topic, partition):
                event = subject.model.parser().read(record)
                if isinstance(event, Delete):
                    found[event.event_id] += killed[record.offset]
        return dict(found)

    def dead_letters(self) -> list[dict[str, Any]]:
        return dead_letters(self.log, self.settings)

    def verify(self) -> Report:
        """What a replay of the log says of the newest manifests."""
        return verify_log(self.log, subject_of(self.settings))


# -- Redis, and its past


def keys_of(client: Any, settings: Settings) -> list[bytes]:
    return list(client.scan_iter(match=_pattern(settings), count=10_000))


def views(client: Any, settings: Settings, partitions: int | None = None) -> dict[int, Tables]:
    """What Redis holds of each of the model's partitions, or of so many."""
    state_of = states(client, settings.model)
    return {p: Tables(state_of(p).load()) for p in range(partitions or settings.partitions)}


def remember(client: Any, settings: Settings) -> Past:
    """All keys as of one moment, whatever a worker is doing."""
    deadline = time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline, "keys come and go all the time"
        keys = sorted(keys_of(client, settings))
        pipe = client.pipeline(transaction=True)
        for key in keys:
            pipe.dump(key)
        pipe.keys(_pattern(settings))
        *dumps, now = pipe.execute()
        if sorted(now) == keys:
            return dict(zip(keys, dumps, strict=True))


def roll_back(client: Any, settings: Settings, past: Past) -> None:
    """In one step: whoever looks sees Redis as it was."""
    pipe = client.pipeline(transaction=True)
    for key in keys_of(client, settings):
        pipe.delete(key)
    for key, data in past.items():
        pipe.restore(key, 0, data)
    pipe.execute()


def forget_keys(client: Any, settings: Settings) -> None:
    roll_back(client, settings, {})


def _pattern(settings: Settings) -> str:
    return f"[{{]{settings.model}:*"

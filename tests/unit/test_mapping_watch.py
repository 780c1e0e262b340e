"""What a worker's log says once of a mapping that doesn't fit its messages."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.harness.memory_harness import MemoryHarness
from unlearn.events.mapped import watching
from unlearn.events.mapped.watching import ENOUGH, MappingWatch

FOUND = {
    "path_met:insert text: row/body": 9,
    "path_met:insert record_id: row/id": 9,
    "path_hit:insert record_id: row/id": 9,
}


def test_paths_that_found_nothing_are_told_once_after_enough_messages(caplog: pytest.LogCaptureFixture) -> None:
    watch = MappingWatch()
    watch.read(0, ENOUGH - 1, FOUND, Counter())
    assert caplog.messages == []
    for partition in (1, 0):
        watch.read(partition, 1, FOUND, Counter())
    (said,) = caplog.messages
    assert "insert text: row/body (of 18 messages)" in said
    assert "record_id" not in said


def test_a_mapping_that_fits_is_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    MappingWatch().read(0, ENOUGH, FOUND | {"path_hit:insert text: row/body": 1}, Counter(conflicts=0))
    assert caplog.messages == []


def test_ties_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = MappingWatch()
    for conflicts in (0, 2, 1):
        watch.read(1, 1, {}, Counter(conflicts=conflicts))
    (said,) = caplog.messages
    assert "partition 1: 2 inserts" in said
    assert "has to rise" in said


def test_a_worker_tells_both(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "ENOUGH", 2)
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=1, mapping="segment")
    try:
        for number, text in enumerate(("win", "win two")):
            said = {
                "type": "track",
                "messageId": f"m{number}",
                "userId": "ana",
                "properties": {"record_id": "r", "label": "spam", "text": text},
            }
            made.log.append(made.settings.events_topic, 0, b"ana", json.dumps(said).encode(), [])
        made.start()
        made.settle()
    finally:
        made.close()
    told = [one for one in caplog.messages if "mapping" in one]
    assert len(told) == 2
    assert any("insert revision: value/properties/revision (of 2 messages)" in one for one in told)
    assert any("1 inserts bear the revision" in one for one in told)

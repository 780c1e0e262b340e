"""The null behind a deletion with its key is known by what the log holds, however its records come in batches."""

from __future__ import annotations

import json

import pytest

from unlearn.errors import LogUnavailable
from unlearn.events.event import Delete, Empty, Unreadable
from unlearn.events.mapped.translation import TOMBSTONE
from unlearn.events.parsing import Parser
from unlearn.ingest.tombstones import Followers
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Record
from unlearn.mapping.presets import PRESETS
from unlearn.mapping.reading import Reading

KEY, OTHER = b'{"id": 1}', b'{"id": 2}'
GONE = json.dumps({"op": "d", "before": {"id": 1}, "after": None, "source": {}}).encode()
MADE = json.dumps({"op": "c", "before": None, "after": {"id": 1, "text": "x"}, "source": {}}).encode()
OPEN = Unreadable(TOMBSTONE)
PARSER = Parser(reading=Reading(PRESETS["debezium"], "refuse"))


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    log.create_topic("events", 1)
    return log


def settled(log: MemoryLog, start: int = 0) -> list[object]:
    end = log.bounds("events")[0][1]
    records: list[Record] = list(log.read("events", 0, start, end))
    return list(Followers(log, "events", PARSER).settled(records, [PARSER.read(record) for record in records]))


def put(log: MemoryLog, *messages: tuple[bytes, bytes | None]) -> None:
    for key, value in messages:
        log.append("events", 0, key, value, ())


def test_the_null_behind_a_deletion_is_nothing_and_any_other_stays_open(log: MemoryLog) -> None:
    put(log, (KEY, GONE), (OTHER, None), (KEY, None), (KEY, None), (KEY, MADE), (KEY, None))

    found = settled(log)

    assert isinstance(found[0], Delete)
    assert found[1:4] == [OPEN, Empty(), Empty()]
    assert found[5] == OPEN


def test_it_is_the_same_wherever_a_batch_begins(log: MemoryLog) -> None:
    put(log, (KEY, MADE), (KEY, GONE), (OTHER, None), (KEY, None), (OTHER, MADE), (KEY, None))
    whole = settled(log)

    assert [settled(log, start) for start in range(6)] == [whole[start:] for start in range(6)]


def test_a_deletion_that_can_not_be_read_has_no_tombstone(log: MemoryLog) -> None:
    put(log, (KEY, GONE.replace(b'"id": 1', b'"id": 3')), (KEY, None))

    assert settled(log)[1] == OPEN


def test_a_deletion_that_lies_far_back_has_none_either(log: MemoryLog) -> None:
    put(log, (KEY, GONE))
    log.gap("events", 0, 1000)
    put(log, (KEY, None))
    assert settled(log, 1001) == settled(log)[1:] == [OPEN]


def test_where_the_log_can_not_be_asked_the_null_stays_open(log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    put(log, (KEY, GONE), (KEY, None))
    records = list(log.read("events", 0, 1, 2))

    def unavailable(*_: object) -> None:
        raise LogUnavailable("no answer")

    monkeypatch.setattr(log, "bounds", unavailable)
    assert Followers(log, "events", PARSER).settled(records, [OPEN]) == [OPEN]

"""Changes of one row as Debezium's connectors give their positions: the later one in the log replaces, at any pace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unlearn.events.event import MAX_REVISION, Insert
from unlearn.events.parsing import Parser
from unlearn.log.protocol import Entry
from unlearn.mapping.presets import PRESETS
from unlearn.mapping.reading import Reading

SECOND = 1_714_564_800_000
SOURCES: dict[str, dict[str, Any]] = {
    "mysql": {"file": "mysql-bin.000003", "pos": 805, "row": 0, "gtid": None, "ts_ms": SECOND},
    "mariadb": {"file": "mariadb-bin.000003", "pos": 805, "row": 0, "gtid": "0-1-7", "ts_ms": SECOND},
    "sqlserver": {"change_lsn": "00000027:00000758:0003", "commit_lsn": "00000027:00000758:0005", "ts_ms": SECOND},
    "oracle": {"scn": "2122185", "commit_scn": "2122188", "rs_id": "001234.00012345.0124", "ssn": 0, "ts_ms": SECOND},
    "db2": {"change_lsn": None, "commit_lsn": "00000025:00000d98:00a2", "ts_ms": SECOND},
    "a connector that gives a time alone": {"ts_ms": SECOND, "ts_us": SECOND * 1000},
}
PARSER = Parser(reading=Reading(PRESETS["debezium"], "refuse"))


def revision(said: dict[str, Any]) -> int:
    found = PARSER.read(Entry(0, 0, SECOND, None, json.dumps(said).encode(), ()))
    assert isinstance(found, Insert), found
    assert 0 < found.revision <= MAX_REVISION
    return found.revision


def whole(op: str, text: str, source: dict[str, Any], handled_us: int) -> dict[str, Any]:
    row = {"id": 7, "subject_id": "ana", "label": "spam", "text": text}
    times = {"ts_ms": handled_us // 1000, "ts_us": handled_us, "ts_ns": handled_us * 1000}
    return {"before": None, "after": row, "source": source, "op": op, **times}


@pytest.mark.parametrize("connector", SOURCES)
def test_changes_of_one_transaction_rise(connector: str) -> None:
    source, first = SOURCES[connector] | {"connector": connector}, SECOND * 1000 + 456_789
    revisions = [revision(whole(op, op, source, first + 40 * place)) for place, op in enumerate("cuu")]
    assert revisions == sorted(set(revisions))


@pytest.mark.parametrize("connector", SOURCES)
def test_what_follows_a_snapshot_replaces_what_it_read(connector: str) -> None:
    """The row was read late in the snapshot, which dates it so, and its change is dated by a second's beginning."""
    read = SOURCES[connector] | {"snapshot": "true", "ts_ms": SECOND + 3_600_900}
    change = SOURCES[connector] | {"snapshot": "false", "ts_ms": SECOND + 5_000}
    at = (SECOND + 3_600_950) * 1000
    assert revision(whole("u", "new", change, at + 10**6)) > revision(whole("r", "old", read, at))


def test_the_positions_of_postgresql_rise_by_themselves() -> None:
    at = SECOND * 1000
    assert revision(whole("u", "new", {"lsn": 101}, at)) == 101


def test_unwrapped_changes_rise() -> None:
    row = {"id": 7, "subject_id": "ana", "text": "a", "__deleted": "false", "__source_ts_ms": SECOND}
    first = SECOND * 1000 + 456_789
    assert revision(row | {"__ts_us": first + 40, "__ts_ms": first // 1000}) > revision(
        row | {"__ts_us": first, "__ts_ms": first // 1000}
    )


def test_a_newer_connector_writes_higher_revisions_than_an_older_one() -> None:
    source, handled = SOURCES["mysql"], SECOND * 1000 + 456_789
    older = whole("c", "a", source, handled)
    del older["ts_us"], older["ts_ns"]
    assert revision(whole("u", "b", source, handled + 40)) > revision(older)

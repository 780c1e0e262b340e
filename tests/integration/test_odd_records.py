"""One record, whatever its timestamp, key and headers are, breaks no list and no command, and never waits for ever."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.harness.events import at
from tests.harness.worker_harness import WorkerHarness
from unlearn.cli.commands.operators.record import command as record
from unlearn.cli.commands.operators.resolve import command as resolve
from unlearn.cli.commands.operators.status import command as status
from unlearn.cli.commands.scorers.manifest import command as manifest
from unlearn.events.event import ORIGIN
from unlearn.moments import dated, iso
from unlearn.timestamps import DAY
from unlearn.verification.from_log import verify_log
from unlearn.verification.subject import subject_of

ZERO, ONE = at(0), at(1)
TIMESTAMPS = {
    "none": -1,
    "negative": -(2**63),
    "zero": 0,
    "in seconds": 1_700_000_000,
    "in microseconds": 1_700_000_000_123_456,
    "the last": 2**63 - 1,
    "year 9999": 253_402_300_799_999,
    "year 10000": 253_402_300_800_000,
}
JUNK = b'{"type":"delete" junk'
HEADERS = [
    (ORIGIN, None),
    ("", b""),
    ("caf\u00e9", b"\xff"),
    (ORIGIN, b"demo/0/9999999999999999999/-1/x"),
    (ORIGIN, b"\xff/"),
]
Run = Callable[..., Result]


@pytest.fixture
def run(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def open_log(_: object) -> Iterator[Any]:
        yield harness.log

    for name in ("operators.resolve", "operators.status", "scorers.manifest"):
        monkeypatch.setattr(f"unlearn.cli.commands.{name}.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: harness.settings)
    monkeypatch.setattr("unlearn.cli.requests.time.sleep", lambda _: harness.worker.turn(0))
    monkeypatch.setattr("unlearn.operator_requests.runner._LOOK_EVERY", 0.0)
    runner = CliRunner()
    return lambda command, *given: runner.invoke(command, [*given], catch_exceptions=False, standalone_mode=False)


def odd(harness: WorkerHarness, timestamp: int, value: bytes, partition: int = 0) -> int:
    harness.log.clock = lambda: timestamp
    topic = harness.settings.events_topic
    return harness.log.append(topic, partition, b"\xff\xfe", value, HEADERS)


def delete(subject: str, **more: Any) -> bytes:
    return json.dumps(
        {"type": "delete", "event_id": "d", "subject_id": subject, "requested_at": "1970-01-01", **more}
    ).encode()


@pytest.mark.parametrize("timestamp", TIMESTAMPS.values(), ids=TIMESTAMPS.keys())
def test_every_command_goes_on(harness: WorkerHarness, run: Run, timestamp: int) -> None:
    before = harness.raw(0, JUNK)
    offset = odd(harness, timestamp, JUNK)
    odd(harness, timestamp, delete(ONE))
    odd(harness, timestamp, json.dumps({"type": "insert", "event_id": "e", "record_id": "r", "text": "a"}).encode())
    harness.apply()

    for command, given in ((status, []), (status, ["--json"]), (resolve, []), (manifest, []), (record, ["r", "x"])):
        assert run(command, *given).exit_code == 0
    rows = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]
    assert [row["place"] for row in rows] == [f"0/{before}", f"0/{offset}"]
    assert verify_log(harness.log, subject_of(harness.settings)).verdict in ("equal", "pending")
    assert run(resolve, f"0/{offset}", "--none").return_value == 0
    assert harness.worker.stopped == {}


@pytest.mark.parametrize("timestamp", TIMESTAMPS.values(), ids=TIMESTAMPS.keys())
def test_an_unreadable_record_with_an_odd_timestamp_becomes_overdue(
    harness: WorkerHarness, run: Run, timestamp: int
) -> None:
    odd(harness, timestamp, JUNK)
    harness.apply()
    within = harness.settings.forget_within

    (row,) = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]

    assert row["since"] < row["deadline"]
    later = harness.status(clock=lambda: time.time() + within + 2 * DAY / 1000).partitions[0].deletions
    assert later.unresolved_overdue == 1
    assert later.oldest_unresolved is not None
    assert later.oldest_unresolved > within


@pytest.mark.parametrize("timestamp", TIMESTAMPS.values(), ids=TIMESTAMPS.keys())
def test_a_deletion_that_is_applied_has_a_deadline_that_comes(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch, timestamp: int
) -> None:
    monkeypatch.setattr(harness.worker._receipts, "turn", lambda *_: None)
    harness.insert("r", ZERO)
    odd(harness, timestamp, delete(ZERO, forget_within=3600))
    for _ in range(20):
        harness.worker.turn(0)

    (held,) = harness.worker.owned[0].view.pending.values()

    assert 0 < held.since <= time.time() * 1000 + DAY
    assert held.deadline == held.since + 3_600_000


def test_an_entry_of_before_with_an_impossible_time_breaks_no_list(harness: WorkerHarness, run: Run) -> None:
    harness.apply()
    key = harness.worker.owned[0].state.keys.of("unresolved")
    harness.client.hset(
        key, mapping={"7": json.dumps(["why [/] not", 2**63 - 1, 2**63 - 1]), "8": '["why",-5,-5]', "9": '["w",0]'}
    )

    assert run(status).exit_code == run(resolve).exit_code == 0
    rows = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]
    assert [(row["place"], row["reason"]) for row in rows] == [("0/7", "why [/] not"), ("0/8", "why"), ("0/9", "w")]
    assert "why [/] not" in " ".join(run(resolve).stdout.split())


def test_what_is_sent_home_keeps_headers_that_have_no_value(harness: WorkerHarness) -> None:
    odd(harness, 5, delete(ONE))
    harness.apply()

    assert harness.worker.owned[0].view.outbox == {}
    assert harness.worker.owned[1].counters["deletes"] == 1


@pytest.mark.parametrize("ms", [*TIMESTAMPS.values(), 2**70, -(2**70)])
def test_any_time_has_a_text(ms: int) -> None:
    assert (iso(ms) is None) == (ms == 0)
    assert 0 < dated(ms, 1_800_000_000_000) <= 1_800_000_000_000 + DAY


def test_a_plain_time_reads_as_people_write_it(tmp_path: Path) -> None:
    assert iso(1_700_000_000_123) == "2023-11-14T22:13:20+00:00"
    assert dated(1_700_000_000_123, 1_800_000_000_000) == 1_700_000_000_123

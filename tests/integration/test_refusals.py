"""What is not taken is counted, shown and answered: nothing is refused without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.harness.events import at
from tests.harness.memory_harness import MemoryHarness, insert
from tests.harness.model_data import records
from tests.harness.worker_harness import WorkerHarness
from unlearn.cli.commands.operators.status import command as status
from unlearn.cli.commands.operators.work import _sum_up
from unlearn.moments import rfc3339
from unlearn.timestamps import parse_timestamp
from unlearn.worker.drain import Drain
from unlearn.worker.lifecycle import states

ZERO, ONE = at(0), at(1)
ODD_LABEL = "label: not one that the model learns from"


def bad_insert(record: str, subject: str, **more: Any) -> bytes:
    event = {"type": "insert", "event_id": "e", "record_id": record, "subject_id": subject, "label": "odd", "text": "a"}
    return json.dumps({**event, **more}).encode()


def until_hidden(harness: WorkerHarness) -> None:
    """A copy counts as hidden once a heartbeat has named the other partition's manifest."""
    harness.turn_until(lambda: harness.receipts("hidden"))


@pytest.fixture
def run(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    @contextmanager
    def open_log(_: object) -> Iterator[Any]:
        yield harness.log

    monkeypatch.setattr("unlearn.cli.commands.operators.status.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: harness.settings)
    return CliRunner()


def shown(run: CliRunner) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.invoke(status, ["--json"], catch_exceptions=False).stdout)
    return found


# -- counts


def test_dead_letters_are_counted_by_reason_for_each_partition_and_in_all(
    harness: WorkerHarness, run: CliRunner
) -> None:
    for partition in (0, 0, 1):
        harness.raw(partition, bad_insert("r", ZERO))
    harness.raw(1, b'{"type":"delete" junk')
    harness.apply()

    found = shown(run)

    assert found["dead_letters"][ODD_LABEL] == 3
    assert sum(found["dead_letters"].values()) == 4
    assert [held["dead_letters"].get(ODD_LABEL, 0) for held in found["partitions"]] == [2, 1]
    text = run.invoke(status, catch_exceptions=False).stdout
    assert f"3 x {ODD_LABEL}" in text


def test_counts_go_on_under_the_next_owner_and_nothing_is_counted_twice(harness: WorkerHarness, run: CliRunner) -> None:
    harness.raw(0, bad_insert("r", ZERO))
    harness.apply()
    harness.worker.close()
    harness.worker = harness.make_worker()
    harness.raw(0, bad_insert("r", ZERO))
    harness.apply()

    assert shown(run)["dead_letters"] == {ODD_LABEL: 2}


def test_readable_inserts_that_change_nothing_are_counted_with_their_reason(
    harness: WorkerHarness, run: CliRunner
) -> None:
    harness.insert("r", ZERO, text="old")
    harness.insert("r", ZERO, text="new under the same revision")
    harness.delete("gone", ZERO)
    harness.insert("gone", ZERO)
    harness.apply()

    assert shown(run)["passed_over"] == {
        "deleted before it came": 1,
        "the same revision was there with other content": 1,
    }


def test_an_update_that_is_refused_is_said_to_leave_the_old_text(harness: WorkerHarness, run: CliRunner) -> None:
    harness.insert("r", ZERO, revision=1)
    harness.insert("dead", ZERO, revision=1)
    harness.delete("dead", ZERO)
    harness.raw(0, bad_insert("r", ZERO, revision=2))
    harness.raw(0, bad_insert("r", ZERO, revision=1))
    harness.raw(0, bad_insert("new", ZERO, revision=2))
    harness.raw(0, bad_insert("dead", ZERO, revision=2))
    harness.apply()

    assert shown(run)["refused_updates"] == 1
    assert "updates refused: 1; their records keep the text they had" in run.invoke(status).stdout


def test_a_refused_update_off_its_home_counts_by_its_revision(harness: WorkerHarness, run: CliRunner) -> None:
    harness.insert("r", ZERO)
    harness.raw(1, bad_insert("r", ZERO, revision=2))
    harness.raw(1, bad_insert("r", ZERO))
    harness.apply()

    assert [held["refused_updates"] for held in shown(run)["partitions"]] == [0, 1]


def test_reasons_never_become_many() -> None:
    from unlearn.forwarding.dues import counter_of, letters_by_reason

    counts: dict[str, int] = {}
    for number in range(1000):
        name = counter_of(f"reason {number}", counts)
        counts[name] = counts.get(name, 0) + 1

    assert len(counts) <= 101
    assert sum(letters_by_reason(counts).values()) == 1000


def test_a_drain_says_what_was_refused(harness: WorkerHarness, capsys: pytest.CaptureFixture[str]) -> None:
    harness.raw(0, bad_insert("r", ZERO))
    harness.raw(1, b"junk")
    harness.apply()
    plan = Drain(
        harness.settings,
        harness.log,
        harness.log.producer(),
        states(harness.client, harness.settings.model),
        harness.worker.results,
    )
    plan.step()

    _sum_up(plan, True)

    said = capsys.readouterr().err
    assert f"partition 0: 1 events were refused so far: {ODD_LABEL}" in said
    assert "partition 1: 1 events were refused so far: not JSON" in said


def test_a_worker_logs_its_counters_every_minute(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes")
    harness.send(insert(0, "s"), bad_insert("r", "s"))
    harness.settle()
    caplog.set_level("INFO", logger="unlearn")
    caplog.clear()

    for _ in range(3):
        harness.now += 61
        harness.turn(2)

    told = [record for record in caplog.records if hasattr(record, "counters")]
    assert len(told) == 3
    assert all(record.counters["inserts"] == 1 for record in told)
    assert all(f"1 x {ODD_LABEL}" in record.getMessage() for record in told)
    harness.close()


# -- answers


CANT_BE_APPLIED = {
    "no date": b'{"type":"delete","event_id":"d","subject_id":"s"}',
    "names nobody": b'{"type":"delete","event_id":"d","requested_at":"2024-05-01"}',
    "other case": b'{"type":"DELETE","event_id":"d","subject_id":"s","requested_at":"2024-05-01"}',
    "another word": b'{"type":"erase","event_id":"d","subject_id":"s","requested_at":"2024-05-01"}',
    "two types": b'{"type":"delete","type":"insert","event_id":"d","subject_id":"s","requested_at":"2024-05-01"}',
    "a record id that is a number": b'{"type":"delete","event_id":"d","record_id":7,"requested_at":"2024-05-01"}',
}


@pytest.mark.parametrize("value", CANT_BE_APPLIED.values(), ids=CANT_BE_APPLIED.keys())
def test_a_deletion_that_cannot_be_applied_is_answered(harness: WorkerHarness, value: bytes) -> None:
    offset = harness.raw(1, value)
    harness.apply()

    (answer,) = records(harness.log, harness.settings.receipts_topic)

    held = harness.worker.owned[1].view.unresolved[offset]
    told = json.loads(answer.value or b"")
    at, requested = told.pop("at"), told.pop("requested_at")
    assert parse_timestamp(at) is not None
    assert requested == ("2024-05-01T00:00:00.000Z" if b"2024-05-01" in value else None)
    assert told == {
        "event_id": "d",
        "state": "refused",
        "model": harness.settings.model,
        "identity": harness.manifests()[-1][1].identity,
        "partition": 1,
        "offset": offset,
        "applied_at": None,
        "records": None,
        "accepted_at": None,
        "deadline": rfc3339(held.deadline),
        "met": None,
        "version": None,
        "reason": held.reason,
    }


@pytest.mark.parametrize(("label", "text", "headers"), [("spam", "free", [("op", b"d")]), ("odd", "delete me", [])])
def test_an_insert_that_may_be_a_deletion_is_answered(
    harness: WorkerHarness, label: str, text: str, headers: list[tuple[str, bytes]]
) -> None:
    value = json.dumps({"type": "insert", "event_id": "e", "record_id": "r", "label": label, "text": text}).encode()
    offset = harness.log.append(harness.settings.events_topic, 1, b"r", value, headers)
    harness.apply()

    assert list(harness.worker.owned[1].view.unresolved) == [offset]
    assert [(told.event_id, told.state) for told in harness.receipts()] == [("e", "refused")]


def test_a_deletion_by_subject_of_a_model_without_subjects_is_answered(redis_url: str, tmp_path: Path) -> None:
    harness = WorkerHarness(redis_url, tmp_path, subjects=False)
    harness.delete(subject=ZERO, event_id="d")
    harness.apply()

    assert [(told.event_id, told.state) for told in harness.receipts()] == [("d", "refused")]
    harness.close()


@pytest.mark.parametrize(
    "value",
    [
        b"junk with delete",
        b'{"type":"delete","event_id":7,"subject_id":"s"}',
        b'{"type":"delete","event_id":"d","event_id":"e","subject_id":"s"}',
        b'{"type":"delete","event_id":"\\ud800","subject_id":"s"}',
        b'{"type":"delete","event_id":"' + b"d" * 300 + b'","subject_id":"s"}',
        b'["delete"]',
        b"[" * 5000,
    ],
)
def test_a_refused_deletion_without_a_readable_event_id_gets_no_receipt(harness: WorkerHarness, value: bytes) -> None:
    harness.raw(1, value)
    harness.apply()

    assert harness.receipts() == []
    assert sum(harness.status().dead_letters.values()) == 1


def test_an_answer_is_sent_by_the_next_owner_where_the_first_died(redis_url: str, tmp_path: Path) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes")
    harness.worker._outbox.turn = lambda *_: None  # type: ignore[method-assign]
    harness.send(CANT_BE_APPLIED["no date"])
    harness.turn(5)
    harness.start()
    harness.turn(20)

    assert {(told.event_id, told.state) for told in harness.receipts()} == {("d", "refused")}
    assert not harness.owned.view.outbox
    harness.close()


def test_an_answer_that_the_log_never_takes_holds_nothing_up(harness: WorkerHarness) -> None:
    from unlearn.log.protocol import TopicSpec

    harness.log.delete_topic(harness.settings.receipts_topic)
    harness.log.create(TopicSpec(harness.settings.receipts_topic, 1, {"max.message.bytes": "5"}))
    harness.raw(1, CANT_BE_APPLIED["no date"])
    harness.apply()

    assert len(harness.dead_letters()) == 1


@pytest.mark.parametrize("subject", [ZERO, None])
def test_receipts_name_the_place_where_the_sender_put_its_event(harness: WorkerHarness, subject: str | None) -> None:
    """One that was sent home is applied at another place, which its sender has never seen."""
    event = {"type": "delete", "event_id": "d", "record_id": "r", "requested_at": "2024-05-01"}
    value = json.dumps(event if subject is None else {**event, "subject_id": subject}).encode()
    offset = harness.raw(1, value)
    until_hidden(harness)

    assert {told.state for told in harness.receipts()} == {"accepted", "hidden"}
    assert {(told.partition, told.offset) for told in harness.receipts()} == {(1, offset)}


def test_the_next_owner_names_that_place_too(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.worker._receipts, "turn", lambda *_: None)
    event = {"type": "delete", "event_id": "d", "subject_id": ZERO, "requested_at": "2024-05-01"}
    offset = harness.raw(1, json.dumps(event).encode())
    for _ in range(20):
        harness.worker.turn(0)
    harness.worker.close()
    harness.worker = harness.make_worker()
    until_hidden(harness)

    hidden = harness.receipts("hidden")
    assert {(told.partition, told.offset) for told in hidden} == {(1, offset)}

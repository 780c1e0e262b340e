"""What is not taken is counted, shown and answered: nothing is refused without a word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.faults.site import Site, insert
from tests.integration.scene import Scene, at
from unlearn.cli.commands.status import command as status
from unlearn.cli.commands.work import _sum_up
from unlearn.worker.drain import Drain
from unlearn.worker.lifecycle import states

ZERO, ONE = at(0), at(1)
ODD_LABEL = "label: not one that the model learns from"


def bad_insert(record: str, subject: str, **more: Any) -> bytes:
    event = {"type": "insert", "event_id": "e", "record_id": record, "subject_id": subject, "label": "odd", "text": "a"}
    return json.dumps({**event, **more}).encode()


def receipts(scene: Scene) -> list[dict[str, Any]]:
    read = scene.log.read(scene.settings.receipts_topic, 0, 0, 1 << 60)
    return [json.loads(record.value or b"") for record in read]


def until_hidden(scene: Scene) -> None:
    """A copy counts as hidden once a heartbeat has named the other partition's manifest."""
    scene.turn_until(lambda: any(told["state"] == "hidden" for told in receipts(scene)))


@pytest.fixture
def run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    @contextmanager
    def open_log(_: object) -> Iterator[Any]:
        yield scene.log

    monkeypatch.setattr("unlearn.cli.commands.status.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: scene.settings)
    return CliRunner()


def shown(run: CliRunner) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.invoke(status, ["--json"], catch_exceptions=False).stdout)
    return found


# -- counts


def test_dead_letters_are_counted_by_reason_for_each_partition_and_in_all(scene: Scene, run: CliRunner) -> None:
    for partition in (0, 0, 1):
        scene.raw(partition, bad_insert("r", ZERO))
    scene.raw(1, b'{"type":"delete" junk')
    scene.apply()

    found = shown(run)

    assert found["dead_letters"][ODD_LABEL] == 3
    assert sum(found["dead_letters"].values()) == 4
    assert [held["dead_letters"].get(ODD_LABEL, 0) for held in found["partitions"]] == [2, 1]
    text = run.invoke(status, catch_exceptions=False).stdout
    assert f"3 x {ODD_LABEL}" in text


def test_counts_go_on_under_the_next_owner_and_nothing_is_counted_twice(scene: Scene, run: CliRunner) -> None:
    scene.raw(0, bad_insert("r", ZERO))
    scene.apply()
    scene.worker.close()
    scene.worker = scene.make_worker()
    scene.raw(0, bad_insert("r", ZERO))
    scene.apply()

    assert shown(run)["dead_letters"] == {ODD_LABEL: 2}


def test_readable_inserts_that_change_nothing_are_counted_with_their_reason(scene: Scene, run: CliRunner) -> None:
    scene.insert("r", ZERO, text="old")
    scene.insert("r", ZERO, text="new under the same revision")
    scene.delete("gone", ZERO)
    scene.insert("gone", ZERO)
    scene.apply()

    assert shown(run)["passed_over"] == {
        "deleted before it came": 1,
        "the same revision was there with other content": 1,
    }


def test_an_update_that_is_refused_is_said_to_leave_the_old_text(scene: Scene, run: CliRunner) -> None:
    scene.insert("r", ZERO, revision=1)
    scene.insert("dead", ZERO, revision=1)
    scene.delete("dead", ZERO)
    scene.raw(0, bad_insert("r", ZERO, revision=2))
    scene.raw(0, bad_insert("r", ZERO, revision=1))
    scene.raw(0, bad_insert("new", ZERO, revision=2))
    scene.raw(0, bad_insert("dead", ZERO, revision=2))
    scene.apply()

    assert shown(run)["refused_updates"] == 1
    assert "updates refused: 1; their records keep the text they had" in run.invoke(status).stdout


def test_a_refused_update_off_its_home_counts_by_its_revision(scene: Scene, run: CliRunner) -> None:
    scene.insert("r", ZERO)
    scene.raw(1, bad_insert("r", ZERO, revision=2))
    scene.raw(1, bad_insert("r", ZERO))
    scene.apply()

    assert [held["refused_updates"] for held in shown(run)["partitions"]] == [0, 1]


def test_reasons_never_become_many() -> None:
    from unlearn.ingest.dues import counter_of, letters_by_reason

    counts: dict[str, int] = {}
    for number in range(1000):
        name = counter_of(f"reason {number}", counts)
        counts[name] = counts.get(name, 0) + 1

    assert len(counts) <= 101
    assert sum(letters_by_reason(counts).values()) == 1000


def test_a_drain_says_what_was_refused(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.raw(0, bad_insert("r", ZERO))
    scene.raw(1, b"junk")
    scene.apply()
    plan = Drain(
        scene.settings,
        scene.log,
        scene.log.producer(),
        states(scene.client, scene.settings.model),
        scene.worker.results,
    )
    plan.step()

    _sum_up(plan, True)

    said = capsys.readouterr().err
    assert f"partition 0: 1 events were refused so far: {ODD_LABEL}" in said
    assert "partition 1: 1 events were refused so far: not JSON" in said


def test_a_worker_logs_its_counters_every_minute(
    redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(redis_url, tmp_path, "naive-bayes")
    site.send(insert(0, "s"), bad_insert("r", "s"))
    site.settle()
    caplog.set_level("INFO", logger="unlearn")
    caplog.clear()

    for _ in range(3):
        site.now += 61
        site.turn(2)

    told = [record for record in caplog.records if hasattr(record, "counters")]
    assert len(told) == 3
    assert all(record.counters["inserts"] == 1 for record in told)
    assert all(f"1 x {ODD_LABEL}" in record.getMessage() for record in told)
    site.close()


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
def test_a_deletion_that_cannot_be_applied_is_answered(scene: Scene, value: bytes) -> None:
    offset = scene.raw(1, value)
    scene.apply()

    (answer,) = receipts(scene)

    reason = scene.worker.owned[1].view.unresolved[offset].reason
    assert answer == {
        "event_id": "d",
        "state": "refused",
        "partition": 1,
        "offset": offset,
        "version": None,
        "reason": reason,
    }


def test_a_deletion_by_subject_of_a_model_without_subjects_is_answered(redis_url: str, tmp_path: Path) -> None:
    scene = Scene(redis_url, tmp_path, subjects=False)
    scene.delete(subject=ZERO, event_id="d")
    scene.apply()

    assert [(told["event_id"], told["state"]) for told in receipts(scene)] == [("d", "refused")]
    scene.close()


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
        b'{"type":"insert","event_id":"e","record_id":"r","label":"odd","text":"delete me"}',
    ],
)
def test_where_nobody_can_be_told_nobody_is(scene: Scene, value: bytes) -> None:
    scene.raw(1, value)
    scene.apply()

    assert receipts(scene) == []
    assert sum(scene.status().dead_letters.values()) == 1


def test_an_answer_is_sent_by_the_next_owner_where_the_first_died(redis_url: str, tmp_path: Path) -> None:
    site = Site(redis_url, tmp_path, "naive-bayes")
    site.worker._outbox.turn = lambda *_: None  # type: ignore[method-assign]
    site.send(CANT_BE_APPLIED["no date"])
    site.turn(5)
    site.start()
    site.turn(20)

    told = [json.loads(r.value or b"") for r in site.log.read(site.settings.receipts_topic, 0, 0, 1 << 60)]
    assert {(one["event_id"], one["state"]) for one in told} == {("d", "refused")}
    assert not site.owned.view.outbox
    site.close()


def test_an_answer_that_the_log_never_takes_holds_nothing_up(scene: Scene) -> None:
    from unlearn.log.protocol import TopicSpec

    scene.log.delete_topic(scene.settings.receipts_topic)
    scene.log.create(TopicSpec(scene.settings.receipts_topic, 1, {"max.message.bytes": "5"}))
    scene.raw(1, CANT_BE_APPLIED["no date"])
    scene.apply()

    assert len(list(scene.log.read(scene.settings.dead_letters_topic, 0, 0, 1 << 60))) == 1


@pytest.mark.parametrize("subject", [ZERO, None])
def test_receipts_name_the_place_where_the_sender_put_its_event(scene: Scene, subject: str | None) -> None:
    """One that was sent home is applied at another place, which its sender has never seen."""
    event = {"type": "delete", "event_id": "d", "record_id": "r", "requested_at": "2024-05-01"}
    value = json.dumps(event if subject is None else {**event, "subject_id": subject}).encode()
    offset = scene.raw(1, value)
    until_hidden(scene)

    assert {told["state"] for told in receipts(scene)} == {"accepted", "hidden"}
    assert {(told["partition"], told["offset"]) for told in receipts(scene)} == {(1, offset)}


def test_the_next_owner_names_that_place_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.worker._receipts, "turn", lambda *_: None)
    event = {"type": "delete", "event_id": "d", "subject_id": ZERO, "requested_at": "2024-05-01"}
    offset = scene.raw(1, json.dumps(event).encode())
    for _ in range(20):
        scene.worker.turn(0)
    scene.worker.close()
    scene.worker = scene.make_worker()
    until_hidden(scene)

    hidden = [told for told in receipts(scene) if told["state"] == "hidden"]
    assert {(told["partition"], told["offset"]) for told in hidden} == {(1, offset)}

"""What `unlearn answer` says where something is gone, odd or not readable: nothing is made up, nothing is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.events import at, delete, insert
from tests.harness.memory_harness import MemoryHarness
from tests.harness.model_data import records
from unlearn.admin.answering.answer import Answerer
from unlearn.admin.answering.lines import headline, lines
from unlearn.admin.answering.question import Kind, Question
from unlearn.admin.answering.report import Answer
from unlearn.errors import LogDiverged, StateMissing
from unlearn.events.event import Delete, Insert, Lift, Seal, encode
from unlearn.events.marks import Origin
from unlearn.events.partitioner import origin_header
from unlearn.ingest.classify import NO_SUBJECTS
from unlearn.log.memory.log import MemoryLog
from unlearn.results.history import read_version


@pytest.fixture
def harness(redis_url: str, tmp_path: Path) -> Iterator[MemoryHarness]:
    made = MemoryHarness(redis_url, tmp_path, "naive-bayes", seal_after=0.1)
    yield made
    made.close()


def ask(harness: MemoryHarness, kind: Kind, name: str) -> Answer:
    return Answerer(harness.settings, harness.log, harness.redis, lambda *_: None).answer(Question(kind, name))


def tell(harness: MemoryHarness, *events: Insert | Delete | Lift | Seal | bytes) -> int:
    """Send, and wait until all is published."""
    offset = harness.send(*events, Seal())
    harness.settle()
    return offset


def versions(harness: MemoryHarness) -> set[int]:
    """Those that the history tells of."""
    read = [read_version(record.value) for record in records(harness.log, harness.settings.history_topic)]
    return {message.version for message in read if message is not None}


def outcomes(answer: Answer) -> dict[str, str]:
    return {event.event_id: event.outcome for event in answer.events}


def test_a_log_whose_start_is_gone_is_told_of(harness: MemoryHarness) -> None:
    tell(harness, insert("r", "ann"), insert("r2", "ann"))
    harness.log.truncate(harness.settings.events_topic, 0, 1)

    answer = ask(harness, "subject", "ann")

    assert outcomes(answer) == {"e-r2-0": "inserted"}
    assert answer.state == "member"
    (note,) = answer.notes
    assert "begins at offset 1" in note
    assert ask(harness, "record", "r").since is None


def test_what_cannot_be_read_any_more_is_told_of(harness: MemoryHarness) -> None:
    tell(harness, insert("r", "ann"), insert("r2", "ann"))
    harness.log.spoil(harness.settings.events_topic, 0, 1, 2)

    answer = ask(harness, "subject", "ann")

    assert outcomes(answer) == {"e-r-0": "inserted"}
    assert any("from 0/1 on can't be read" in note for note in answer.notes)


def test_a_topic_made_again_is_not_read_for_the_one_that_was_applied(harness: MemoryHarness) -> None:
    tell(harness, insert("r", "ann"))
    harness.log.delete_topic(harness.settings.events_topic)
    harness.log.create_topic(harness.settings.events_topic, 1)

    with pytest.raises(LogDiverged, match="topic_id"):
        ask(harness, "record", "r")


def test_without_a_model_there_is_no_answer(harness: MemoryHarness) -> None:
    with pytest.raises(StateMissing, match="no worker has claimed"):
        ask(harness, "record", "r")


def test_an_id_in_escapes_is_found(harness: MemoryHarness) -> None:
    plain = encode(insert("r", "ann"))
    tell(harness, plain.replace(b'"ann"', b'"\\u0061nn"'), delete(subject="ann"))

    answer = ask(harness, "subject", "ann")

    assert outcomes(answer) == {"e-r-0": "inserted", "d-None-ann": "deleted"}
    assert ask(harness, "record", "r").events[0].row == answer.events[0].row


def test_a_deletion_that_cannot_be_read_is_told_by_its_receipt(harness: MemoryHarness) -> None:
    odd = {"type": "delete", "event_id": "odd", "subject_id": "ann", "revision": 3, "requested_at": "2023-01-01"}
    offset = tell(harness, json.dumps(odd).encode()) - 1

    answer = ask(harness, "event", "odd")

    (event,) = answer.events
    assert (event.type, event.outcome, event.offset, event.at) == (None, "refused", offset, None)
    assert event.reason is not None
    assert event.reason in lines(answer)[-1].what


def test_a_history_that_lacks_versions_is_no_ground_to_name_one(harness: MemoryHarness) -> None:
    tell(harness, insert("r", "ann"))
    tell(harness, insert("r2", "ann"))
    kept = ask(harness, "record", "r").events[0].row
    assert kept is not None
    assert kept.first_version is not None
    assert (kept.first_version.exact, kept.versions_known) == (True, True)

    # Without the history only the newest manifests are known
    end = harness.log.bounds(harness.settings.history_topic)[0][1]
    harness.log.truncate(harness.settings.history_topic, 0, end)
    harness.log.compact(harness.settings.results_topic)
    row = ask(harness, "record", "r").events[0].row

    assert row is not None
    assert row.first_version is not None
    assert (row.first_version.exact, row.versions_known) == (False, False)
    assert row.first_version.version > kept.first_version.version
    shown = "\n".join(line.what for line in lines(ask(harness, "record", "r")))
    assert "not all are known" not in shown
    assert any("or another" in line.place for line in lines(ask(harness, "record", "r")))


def test_a_worker_that_is_closed_tells_of_its_last_version(
    harness: MemoryHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(harness, insert("r", "ann"))
    # Given a worker that leaves before it has read its own manifest
    with monkeypatch.context() as patched:
        patched.setattr(harness.worker._tail, "poll", lambda _: [])
        tell(harness, insert("r2", "ann"))
    published, told = harness.owned.manifest_offset, versions(harness)
    assert published not in told

    harness.workers.pop().close()

    assert published in versions(harness)


def test_a_deletion_so_far_and_a_lift_let_in_again(harness: MemoryHarness) -> None:
    tell(harness, insert("r", "ann"), delete(subject="ann", scope="so_far", event_id="so far"), insert("r2", "ann"))
    tell(harness, delete("r2", "ann", event_id="for ever"))
    lifted = Lift(event_id="back", subject_id="ann", record_id="r2", requested_at="2023-01-01")
    tell(harness, insert("r2", "ann", 1, event_id="too late"), lifted)

    answer, record = ask(harness, "subject", "ann"), ask(harness, "record", "r2")

    told = {"e-r-0": "inserted", "so far": "deleted", "e-r2-0": "inserted", "for ever": "deleted"}
    assert outcomes(answer) == {**told, "too late": "refused", "back": "lifted"}
    assert answer.since is not None
    assert (answer.state, answer.since.event_id) == ("member", "e-r2-0")
    assert record.since is not None
    assert (record.state, record.since.event_id, record.holds) == ("forgotten", "for ever", False)
    assert headline(record).endswith("what comes now is taken")
    assert "refused: its record is forgotten since" in "\n".join(line.what for line in lines(record))


def test_a_deletion_by_alias_is_told_to_each_whom_it_forgets(harness: MemoryHarness) -> None:
    named = insert("r2", "ann", event_id="named").model_copy(update={"aliases": ("h",)})
    leave = Delete(event_id="leave", alias="h", requested_at="2023-01-01")
    tell(harness, insert("r1", "ann"), named, insert("s", "bob"), leave, insert("r3", "ann", event_id="late"))
    bob_bears = insert("s2", "bob", event_id="bears").model_copy(update={"aliases": ("h",)})
    tell(harness, bob_bears, insert("s3", "bob", event_id="later"))

    ann, bob, record = ask(harness, "subject", "ann"), ask(harness, "subject", "bob"), ask(harness, "record", "r1")
    event = ask(harness, "event", "late")

    told = {"e-r1-0": "inserted", "named": "inserted", "leave": "deleted"}
    assert outcomes(ann) == {**told, "late": "refused"}
    assert outcomes(bob) == {"e-s-0": "inserted", "leave": "deleted", "bears": "refused", "later": "refused"}
    assert outcomes(record) == {"e-r1-0": "inserted", "leave": "deleted"}
    assert outcomes(event) == {"late": "refused"}
    for answer in (ann, bob, record):
        assert answer.since is not None
        assert (answer.state, answer.since.event_id, answer.since.alias) == ("forgotten", "leave", "h")
        rows = [event.row for event in answer.events if event.row is not None]
        assert {row.ended and row.ended.event_id for row in rows} == {"leave"}
    causes = [one.because for answer in (ann, bob, event) for one in answer.events if one.outcome == "refused"]
    assert [cause and cause.event_id for cause in causes] == ["leave"] * 4
    said = "\n".join(line.what for line in lines(ann))
    assert "delete leave, alias h: deleted" in said
    assert "late, record r3 of subject ann: refused: whom its alias names is forgotten since" in said


def _bearing(record: str, subject: str | None, *aliases: str) -> Insert:
    return insert(record, subject).model_copy(update={"aliases": aliases})


def _leave(alias: str, event_id: str = "leave") -> Delete:
    return Delete(event_id=event_id, alias=alias, requested_at="2023-01-01")


def _back(**named: Any) -> Lift:
    return Lift(event_id=f"back {named}", requested_at="2023-01-01", **named)


def _since(answer: Answer) -> tuple[str | None, str, bool | None]:
    assert answer.since is not None
    return answer.state, answer.since.event_id, answer.holds


def test_a_deletion_by_an_alias_that_named_nobody_ends_no_membership(harness: MemoryHarness) -> None:
    own = delete("q", "ann", event_id="own")
    tell(harness, insert("r1", "ann"), insert("q", "ann"), own, _back(subject_id="ann", record_id="q"))
    tell(harness, _leave("h"), _back(alias="h"), _bearing("r2", "ann", "h"))

    assert _since(ask(harness, "subject", "ann")) == ("member", "e-r1-0", None)
    assert _since(ask(harness, "record", "q")) == ("forgotten", "own", False)


def test_an_insert_that_bears_a_deleted_alias_ends_a_membership(harness: MemoryHarness) -> None:
    tell(harness, _leave("h"), insert("r1", "ann"), _bearing("r2", "ann", "h"))
    tell(harness, _back(subject_id="ann"), insert("r3", "ann"))

    assert _since(ask(harness, "subject", "ann")) == ("member", "e-r3-0", None)


def test_of_several_deletions_the_first_to_hold_is_the_cause(harness: MemoryHarness) -> None:
    tell(harness, _leave("h", "first"), _leave("h", "second"), _bearing("b", "bob", "h"))
    tell(harness, insert("r1", "ann"), delete(subject="ann", event_id="own"), _bearing("r2", "ann", "h"))

    ann, bob = ask(harness, "subject", "ann"), ask(harness, "subject", "bob")

    assert (_since(ann), _since(bob)) == (("forgotten", "own", True), ("forgotten", "first", True))
    refused = [event.because for answer in (ann, bob) for event in answer.events if event.outcome == "refused"]
    assert [because and because.event_id for because in refused] == ["own", "first"]


def test_whether_a_deletion_holds_that_the_log_has_lost_is_not_known(harness: MemoryHarness) -> None:
    tell(harness, insert("r", "ann"), delete(subject="ann"))
    harness.log.truncate(harness.settings.events_topic, 0, 2)

    answer = ask(harness, "subject", "ann")

    assert (answer.state, answer.since, answer.holds) == ("forgotten", None, None)


def test_a_deletion_by_alias_that_is_not_copied_yet_is_told_of(redis_url: str, tmp_path: Path) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=2, seal_after=0.1)
    try:
        ann = at(0, prefix="a")
        harness.send(_bearing("r", ann, "h"))
        harness.settle()
        log: MemoryLog = harness.log
        for value in (_leave("h"), delete("r", event_id="by record")):
            log.append(harness.settings.events_topic, 1, b"x", encode(value), ())
        waiting = {"e-r-0": "inserted", "leave": "waiting", "by record": "waiting"}
        assert outcomes(ask(harness, "subject", ann)) == outcomes(ask(harness, "record", "r")) == waiting
    finally:
        harness.close()


def test_a_deletion_of_earlier_revisions_refuses_those_alone(harness: MemoryHarness) -> None:
    later = insert("r", "ann", 2)
    tell(
        harness,
        delete("r", "ann", revision=1),
        insert("r", "ann", 1),
        later,
        later.model_copy(update={"event_id": "x"}),
    )

    told = {"d-r-ann": "deleted", "e-r-1": "refused", "e-r-2": "inserted", "x": "ignored"}
    assert outcomes(ask(harness, "record", "r")) == told


def test_an_event_of_a_subject_in_a_model_without_any_is_refused(redis_url: str, tmp_path: Path) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", subjects=False)
    try:
        tell(harness, insert("r", "ann"), insert("r2"))
        assert [event.reason for event in ask(harness, "record", "r").events] == [NO_SUBJECTS]
        assert outcomes(ask(harness, "record", "r2")) == {"e-r2-0": "inserted"}
    finally:
        harness.close()


def test_messages_of_a_mapping_are_read_by_it(redis_url: str, tmp_path: Path) -> None:
    mapping = tmp_path / "own.toml"
    mapping.write_text(
        """
        type = "value/kind"
        numeric_ids = true

        [words]
        insert = ["made"]
        delete = ["gone"]

        [insert]
        event_id = "value/id"
        record_id = "value/what"
        subject_id = "value/who"
        text = "value/text"

        [delete]
        event_id = "value/id"
        subject_id = "value/who"
        requested_at = "record/time"
        """
    )
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", mapping=str(mapping))
    try:
        made = {"kind": "made", "id": "m", "what": 7, "who": 42, "text": "a b"}
        gone = {"kind": "gone", "id": "g", "who": 42}
        tell(harness, *(json.dumps(one).encode() for one in (made, gone)))
        answer = ask(harness, "subject", "42")
        assert outcomes(answer) == {"m": "inserted", "g": "deleted"}
        assert outcomes(ask(harness, "record", "7")) == {"m": "inserted", "g": "deleted"}
    finally:
        harness.close()


def test_a_copy_is_told_at_the_place_of_its_original(redis_url: str, tmp_path: Path) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=2, seal_after=0.1)
    try:
        ann, bob = at(0, prefix="a"), at(1, prefix="b")
        harness.send(insert("r", ann), insert("r", bob, event_id="second"))
        harness.settle()
        copied = encode(delete("r", event_id="d"))
        offset = harness.log.append(harness.settings.events_topic, 1, b"r", copied, ())
        harness.settle()
        asked: tuple[tuple[Kind, str], ...] = (("record", "r"), ("subject", ann), ("event", "d"))
        for kind, name in asked:
            answer = ask(harness, kind, name)
            (event,) = [event for event in answer.events if event.type == "delete"]
            assert (event.partition, event.offset) == (1, offset)
            assert event.receipts[-1].records == 2
            rows = [one.row for one in answer.events if one.row is not None]
            assert all(row.ended and row.ended.event_id == "d" for row in rows)
    finally:
        harness.close()


def test_a_lift_counts_behind_a_later_one_of_its_partition(redis_url: str, tmp_path: Path) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=2, seal_after=0.1)
    given = harness.settings
    try:
        ann, bob = at(0, prefix="ann"), at(0, prefix="bob")
        harness.send(insert("r", ann), delete(subject=ann))
        for subject, offset in ((bob, 5), (ann, 3)):
            lift = Lift(event_id=f"lift {subject}", subject_id=subject, requested_at="2023-01-01")
            header = origin_header(given.secret_bytes, Origin(given.model, 1, offset, 1))
            harness.log.append(given.events_topic, 0, subject.encode(), encode(lift), (header,))
        harness.send(insert("r2", ann))
        harness.settle()
        told = {"e-r-0": "inserted", f"d-None-{ann}": "deleted", f"lift {ann}": "lifted", "e-r2-0": "inserted"}
        assert outcomes(ask(harness, "subject", ann)) == told
    finally:
        harness.close()


def test_what_is_not_sent_on_yet_waits(redis_url: str, tmp_path: Path) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "naive-bayes", partitions=2)
    try:
        ann = at(0, prefix="a")
        harness.settle()
        log: MemoryLog = harness.log
        log.append(harness.settings.events_topic, 1, b"x", encode(insert("r", ann)), ())
        asked: tuple[tuple[Kind, str], ...] = (("record", "r"), ("subject", ann), ("event", "e-r-0"))
        for kind, name in asked:
            (event,) = ask(harness, kind, name).events
            assert (event.outcome, event.applied_at) == ("waiting", None)
            assert event.reason is not None
            assert "to be sent" in event.reason
        harness.settle()
        (event,) = ask(harness, "subject", ann).events
        assert (event.outcome, event.partition, event.applied_at and event.applied_at.partition) == ("inserted", 1, 0)
    finally:
        harness.close()

"""Messages as public tools emit them, through a real worker: what became of each is what their table says."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.harness.dialects import NAMES, Line, lines_of
from tests.harness.processes import run
from unlearn.admin.topics import create
from unlearn.events.partitioner import home
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SHAPE: dict[str, Any] = {"partitions": 3, "trainers": 0, "window": 0, "lease": 3600.0}


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_makes_of_each_message_what_the_table_says(name: str, make_settings: MakeSettings) -> None:
    _becomes_what_it_says(make_settings(mapping=name, **SHAPE), lines_of(name))


@pytest.mark.parametrize(
    ("name", "tombstones"), [("debezium", "delete"), *((name, "ignore") for name in ("debezium", "plain"))]
)
def test_a_null_is_what_the_setting_says(name: str, tombstones: str, make_settings: MakeSettings) -> None:
    settings = make_settings(mapping=name, tombstones=tombstones, **SHAPE)
    _becomes_what_it_says(settings, [_null_read(line, tombstones) for line in lines_of(name)])


def _becomes_what_it_says(settings: Settings, lines: list[Line]) -> None:
    # A client sends nothing that has neither key nor value.
    lines = [line for line in lines if line.key is not None or line.value is not None]
    places = _sent(settings, lines)

    unlearn(settings, "work", "--drain")

    _dead_letters_are_as_told(settings, lines)
    _members_are_as_told(settings, lines)
    _all_are_answered(settings, lines, places)
    assert "equal" in unlearn(settings, "verify", "--from-log")
    unlearn(settings, "verify")


def _null_read(line: Line, tombstones: str) -> Line:
    """What is said of a null under a key, where a deletion of what the key names is meant, or nothing."""
    if line.key is None or line.value is not None:
        return line
    if tombstones == "ignore":
        return line._replace(becomes="nothing")
    key = json.loads(line.key)
    return line._replace(becomes={"delete": {"record_id": str(key.get("payload", key)["id"])}})


def test_a_path_that_finds_nothing_is_named(make_settings: MakeSettings) -> None:
    settings = make_settings(mapping="segment", **SHAPE)
    _sent(settings, lines_of("segment"))

    unlearn(settings, "work", "--drain")

    # Of the tracked, none has a revision.
    tracked = sum(b'"track"' in (line.value or b"") for line in lines_of("segment"))
    assert json.loads(unlearn(settings, "status", "--json"))["never_found"] == {
        "insert revision: value/properties/revision": tracked
    }


def unlearn(settings: Settings, *arguments: str, given: str = "") -> str:
    done = run(settings, *arguments, given=given, seconds=180)
    assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr[-3000:]}"
    return done.stdout


def _sent(settings: Settings, lines: list[Line]) -> list[tuple[int, int]]:
    """Each to the partition of its own key, which need not be the home of what it names; their places."""
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
        with closing(log.producer()) as producer:
            at = [home(line.key or b"", settings.partitions) for line in lines]
            sent = [
                producer.send(settings.events_topic, partition, line.key, line.value, line.headers)
                for partition, line in zip(at, lines, strict=True)
            ]
            return [(partition, each.result(30)) for partition, each in zip(at, sent, strict=True)]


def _dead_letters_are_as_told(settings: Settings, lines: list[Line]) -> None:
    status = json.loads(unlearn(settings, "status", "--json"))["partitions"]
    told = Counter(
        reason
        for line in lines
        for kind, reason in (line.becomes.items() if isinstance(line.becomes, dict) else ())
        if kind in ("open", "refused")
    )
    assert sum((Counter(partition["dead_letters"]) for partition in status), Counter()) == told
    opened = sum(isinstance(line.becomes, dict) and "open" in line.becomes for line in lines)
    assert sum(partition["unresolved_deletions"] for partition in status) == opened


def _members_are_as_told(settings: Settings, lines: list[Line]) -> None:
    inserts = _events(lines, "insert")
    records = sorted({insert["record_id"] for _, insert in inserts})
    states = {}
    for text in unlearn(settings, "record", "--json", "-", given="\n".join(records) + "\n").splitlines():
        found = json.loads(text)
        states[found["record_id"]] = found["state"]
    taken = {insert["record_id"] for at, insert in inserts if not _is_forgotten(at, insert, lines)}
    assert states == {record: "member" if record in taken else "forgotten" for record in records}
    assert set() < taken < set(records) or not _events(lines, "delete")


def _all_are_answered(settings: Settings, lines: list[Line], places: list[tuple[int, int]]) -> None:
    """Each deletion is `hidden`, each lift `lifted`, and each open line whose sender gave it an id `refused`: by the
    place where its sender put it."""
    answered = _answered(settings)
    for line, place in zip(lines, places, strict=True):
        kind, said = next(iter(line.becomes.items())) if isinstance(line.becomes, dict) else ("", {})
        by_place = f"place:{place[0]}/{place[1]}"
        if state := {"delete": "hidden", "lift": "lifted"}.get(kind):
            assert answered[state].pop(place) == said.get("event_id", by_place), line.what
        elif kind == "open" and (name := _said_id(line)):
            assert answered["refused"].pop(place) == name, line.what
        elif kind == "open":
            assert answered["refused"].pop(place, by_place) == by_place, line.what
    assert not any(answered.values())


def _answered(settings: Settings) -> dict[str, dict[tuple[int, int], str]]:
    """State -> place -> the event id of its receipt."""
    with closing(KafkaLog(settings.kafka)) as log:
        read = log.read(settings.receipts_topic, 0, *log.bounds(settings.receipts_topic)[0])
        receipts = [json.loads(record.value or b"{}") for record in read]
    found: dict[str, dict[tuple[int, int], str]] = {"hidden": {}, "lifted": {}, "refused": {}}
    for receipt in receipts:
        if receipt["state"] in found:
            found[receipt["state"]][receipt["partition"], receipt["offset"]] = receipt["event_id"]
    return found


def _said_id(line: Line) -> str | None:
    """The id that the sender of a message has given it, where its format has one."""
    value = json.loads(line.value) if line.value is not None else {}
    if "subject_request_type" in value and "request_type" not in value:
        return value["subject_request_id"]  # type: ignore[no-any-return]
    found = value.get("event_id") or value.get("messageId") or ("specversion" in value and value.get("id"))
    return found or (dict(line.headers).get("ce_id") or b"").decode() or None


def _events(lines: list[Line], kind: str) -> list[tuple[int, dict[str, Any]]]:
    """The events of a kind, with their places among the lines."""
    return [
        (at, line.becomes[kind])
        for at, line in enumerate(lines)
        if isinstance(line.becomes, dict) and kind in line.becomes
    ]


def _is_forgotten(at: int, insert: dict[str, Any], lines: list[Line]) -> bool:
    return any(
        _kills(deletion, insert)
        and not (deleted < at and ("scope" in deletion or _is_lifted(deletion, deleted, at, lines)))
        for deleted, deletion in _events(lines, "delete")
    )


def _is_lifted(deletion: dict[str, Any], deleted: int, at: int, lines: list[Line]) -> bool:
    """Whether a lift of the same name stands behind the deletion, and before what is at `at`."""
    names = ("subject_id", "record_id", "alias")
    return any(
        deleted < lifted < at and all(lift.get(name) == deletion.get(name) for name in names)
        for lifted, lift in _events(lines, "lift")
    )


def _kills(deletion: dict[str, Any], insert: dict[str, Any]) -> bool:
    if "alias" in deletion:
        return deletion["alias"] in insert.get("aliases", ())
    named = ("record_id", "subject_id")
    return all(insert.get(name) == deletion[name] for name in named if name in deletion)

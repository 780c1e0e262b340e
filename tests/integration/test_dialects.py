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


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_makes_of_each_message_what_the_table_says(name: str, make_settings: MakeSettings) -> None:
    settings = make_settings(mapping=name, partitions=3, trainers=0, window=0, lease=3600.0)
    # A client sends nothing that has neither key nor value.
    lines = [line for line in lines_of(name) if line.key is not None or line.value is not None]
    places = _sent(settings, lines)

    unlearn(settings, "work", "--drain")

    _dead_letters_are_as_told(settings, lines)
    _members_are_as_told(settings, lines)
    _deletions_are_answered(settings, lines, places)
    assert "equal" in unlearn(settings, "verify", "--from-log")
    unlearn(settings, "verify")


def test_a_path_that_finds_nothing_is_named(make_settings: MakeSettings) -> None:
    settings = make_settings(mapping="segment", partitions=3, trainers=0, window=0, lease=3600.0)
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
    inserts, deletions = _events(lines, "insert"), _events(lines, "delete")
    records = sorted({insert["record_id"] for insert in inserts})
    states = {}
    for text in unlearn(settings, "record", "--json", "-", given="\n".join(records) + "\n").splitlines():
        found = json.loads(text)
        states[found["record_id"]] = found["state"]
    dead = {insert["record_id"] for insert in inserts if any(_kills(deletion, insert) for deletion in deletions)}
    assert states == {record: "forgotten" if record in dead else "member" for record in records}
    assert set() < dead < set(records)


def _deletions_are_answered(settings: Settings, lines: list[Line], places: list[tuple[int, int]]) -> None:
    """Each has a `hidden` receipt that names the place where its sender put it."""
    with closing(KafkaLog(settings.kafka)) as log:
        read = log.read(settings.receipts_topic, 0, *log.bounds(settings.receipts_topic)[0])
        receipts = [json.loads(record.value or b"{}") for record in read]
    hidden = {(r["partition"], r["offset"]): r["event_id"] for r in receipts if r["state"] == "hidden"}
    for line, (partition, offset) in zip(lines, places, strict=True):
        if isinstance(line.becomes, dict) and "delete" in line.becomes:
            name = line.becomes["delete"].get("event_id", f"place:{partition}/{offset}")
            assert hidden.pop((partition, offset)) == name
    assert hidden == {}


def _events(lines: list[Line], kind: str) -> list[dict[str, Any]]:
    return [line.becomes[kind] for line in lines if isinstance(line.becomes, dict) and kind in line.becomes]


def _kills(deletion: dict[str, Any], insert: dict[str, Any]) -> bool:
    if "alias" in deletion:
        return deletion["alias"] in insert.get("aliases", ())
    named = ("record_id", "subject_id")
    return all(insert.get(name) == deletion[name] for name in named if name in deletion)

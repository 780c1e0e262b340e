"""Framed Avro is read by the schemas of a registry where the mapping says so, and stays open otherwise."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.schema_registry import FRAME, Registry, change, framed, serving
from tests.harness.settings import settings_of
from unlearn.errors import LogUnavailable, RegistryUnavailable
from unlearn.events.event import Delete, Insert, Parsed, Unreadable
from unlearn.events.frames import FRAMED
from unlearn.events.parsing import Parser
from unlearn.log.protocol import Entry
from unlearn.mapping.presets import PRESETS
from unlearn.mapping.reading import PLAIN_READING, Reading
from unlearn.services.address import free_port


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving() as server:
        yield server


Read = Callable[..., Parsed]


def reader(url: str, preset: str) -> Read:
    mapping = PRESETS[preset].model_copy(update={"avro": True})
    parser = Parser(reading=Reading(mapping, "refuse", url))

    def read(value: bytes, key: bytes | None = None) -> Parsed:
        entry = Entry(0, 5, 1_714_564_800_000, key, value, ())
        found = parser.read(entry)
        assert parser.taken(entry) == found
        return found

    return read


def test_changes_of_a_table_are_read_with_their_keys(registry: Registry) -> None:
    read = reader(registry.url, "debezium")
    row = {"id": 7, "subject_id": "ana", "text": "hello", "at": 1_714_564_800_000}

    assert read(change("c", after=row), framed(2, {"id": 7})) == Insert(
        event_id="place:0/5", record_id="7", subject_id="ana", revision=33, text="hello"
    )
    found = read(change("d", before={**row, "subject_id": None, "text": None}), framed(2, {"id": 7}))
    assert isinstance(found, Delete)
    assert (found.record_id, found.subject_id) == ("7", None)
    disagree = read(change("d", before=row), framed(2, {"id": 8}))
    assert disagree == Unreadable("record_id: two paths of the mapping disagree")
    assert read(change("t")) == Unreadable("type: a word that the mapping doesn't know")
    assert sorted(registry.asked) == ["/schemas/ids/1", "/schemas/ids/2"]


def test_our_own_events_are_read_from_avro_too(registry: Registry) -> None:
    event = {"type": "insert", "event_id": "e", "record_id": "r", "subject_id": None, "text": "é"}
    assert reader(registry.url, "plain")(framed(3, event)) == Insert(event_id="e", record_id="r", text="é")


@pytest.mark.parametrize("preset", ["plain", "debezium"])
def test_what_no_schema_reads_stays_open(registry: Registry, preset: str) -> None:
    read = reader(registry.url, preset)
    good = change("d", before={"id": 7, "subject_id": None, "text": None, "at": None})
    for value in (good[:-1], good + b"x", FRAME + b"\x08" + good[5:], FRAME + b"\x09x", framed(4, {"data": b"\xff"})):
        assert isinstance(read(value), Unreadable)
    assert isinstance(read(FRAME + b"\x01"), Unreadable)


def test_a_registry_that_does_not_answer_decides_nothing(registry: Registry) -> None:
    value = change("d", before={"id": 7, "subject_id": None, "text": None, "at": None})
    read = reader(registry.url, "debezium")
    registry.broken = True
    with pytest.raises(RegistryUnavailable, match=r"127\.0\.0\.1 answers 500"):
        read(value)
    registry.broken = False
    assert isinstance(read(value), Delete)
    away = reader(f"http://me:secret@127.0.0.1:{free_port()}", "debezium")
    with pytest.raises(LogUnavailable, match="can't be reached") as error:
        away(value)
    assert "secret" not in str(error.value)


def test_without_the_mappings_word_it_stays_open_by_a_reason_that_names_the_extra() -> None:
    found = Parser(reading=PLAIN_READING).parse(FRAME + b"\x01\x02\x0er1")
    assert found == Unreadable(FRAMED)
    assert "[avro] extra" in FRAMED


def test_what_reading_avro_needs_is_asked_for_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "avro.toml"
    path.write_text('preset = "debezium"\navro = true\n')
    with pytest.raises(ValueError, match="needs UNLEARN_SCHEMA_REGISTRY"):
        settings_of(mapping=str(path))
    with pytest.raises(ValueError, match="not a URL such as https"):
        settings_of(mapping=str(path), schema_registry="registry:8081")
    made = settings_of(mapping=str(path), schema_registry="https://me:pass-word@registry:8081")
    assert "pass-word" not in repr(made) + json.dumps(made.reading.told())
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(ValueError, match=r"needs the \[avro\] extra"):
        settings_of(mapping=str(path), schema_registry="https://registry:8081")

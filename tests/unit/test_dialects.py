"""What each message of the public tools becomes, by the preset made for it."""

from __future__ import annotations

import pytest

from tests.harness.dialects import NAMES, Line, became, lines_of
from unlearn.events.event import Empty
from unlearn.events.parsing import Parser
from unlearn.ingest.tombstones import Followers
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Entry
from unlearn.mapping.presets import PRESETS
from unlearn.mapping.reading import Reading

CASES = [(name, number, line) for name in NAMES for number, line in enumerate(lines_of(name))]


def test_each_preset_has_a_file() -> None:
    assert set(NAMES) == PRESETS.keys() - {"earlier"}


@pytest.mark.parametrize(("name", "number", "line"), CASES, ids=[f"{name}: {line.what}" for name, _, line in CASES])
def test_a_message_becomes_what_its_file_says(name: str, number: int, line: Line) -> None:
    parser = Parser(reading=Reading(PRESETS[name], "refuse"))
    entries = [each.entry(offset) for offset, each in enumerate(lines_of(name))]
    events = [parser.read(entry) for entry in entries]
    if PRESETS[name].tombstones_follow:
        events = Followers(MemoryLog(), "events", parser).settled(entries, events)

    assert became(events[number]) == line.becomes
    assert not isinstance(events[number], Empty) or line.value is None


@pytest.mark.parametrize("name", NAMES)
def test_what_was_taken_is_read_so_again(name: str) -> None:
    parser = Parser(reading=Reading(PRESETS[name], "refuse"))
    for offset, line in enumerate(lines_of(name)):
        if isinstance(line.becomes, dict) and line.becomes.keys() & {"insert", "delete", "lift"}:
            entry: Entry = line.entry(offset)
            assert parser.taken(entry) == parser.read(entry)

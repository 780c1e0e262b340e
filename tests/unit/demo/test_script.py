"""What the demo sends."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from unlearn.demo.script import Script, Step, Stream, is_held_out, make_script, read_events
from unlearn.errors import InputInvalid
from unlearn.events.event import Delete, Insert, encode
from unlearn.events.parsing import Parser
from unlearn_study.generator.tweet_generator import tweets


def stream(n: int) -> Stream:
    return read_events((json.dumps(event).encode() for event in tweets(n, 1)), Parser(), None)


def script(n: int, most: int | None = None) -> Script:
    return make_script(stream(n).steps, most, 1)


def inserts(made: Script) -> list[Insert]:
    return [step.event for step in made.steps if isinstance(step.event, Insert)]


def deletes(made: Script) -> list[Delete]:
    return [step.event for step in made.steps if isinstance(step.event, Delete)]


def test_no_held_out_record_is_sent() -> None:
    made = script(2000)

    assert {insert.record_id for insert in inserts(made)} & {held.record_id for held in made.held_out} == set()
    assert len(inserts(made)) + len(made.held_out) == 2000
    assert 150 < len(made.held_out) < 250


def test_all_revisions_of_a_record_are_held_out_alike() -> None:
    events = [Insert(event_id=f"e{i}", record_id=f"r{i % 50}", revision=i // 50, text="t") for i in range(150)]
    kept = Counter(is_held_out(event) for event in events)

    assert all(len({is_held_out(e) for e in events if e.record_id == f"r{r}"}) == 1 for r in range(50))
    assert set(kept) == {True, False}


def test_deletions_of_all_kinds_come_while_inserts_still_do() -> None:
    made = script(22_000, 19_000)

    kinds = [type(step.event) for step in made.steps]
    assert kinds.count(Insert) == 19_000
    assert kinds.count(Delete) > 500
    assert kinds.index(Delete) < len(kinds) * 0.15
    assert Insert in kinds[-1500:]
    assert sum(event.record_id is None for event in deletes(made)) > 50
    assert sum(event.subject_id is None for event in deletes(made)) > 50
    assert len({event.event_id for event in deletes(made)}) < len(deletes(made))


def test_a_script_is_the_same_every_time() -> None:
    assert script(500).steps == script(500).steps


@pytest.mark.parametrize("seed", range(12))
def test_the_followed_record_is_deleted_once_and_by_nothing_else(seed: int) -> None:
    made = make_script(stream(300).steps, None, seed)
    assert made.followed is not None
    insert, delete = made.steps[made.followed.insert].event, made.steps[made.followed.delete].event
    assert isinstance(insert, Insert)
    assert isinstance(delete, Delete)

    assert (insert.subject_id, insert.record_id) == (delete.subject_id, delete.record_id)
    assert made.followed.insert < made.followed.delete
    others = [event for event in deletes(made) if event is not delete]
    assert all(event.record_id != insert.record_id for event in others)
    assert all(event.subject_id != insert.subject_id for event in others if event.record_id is None)


def test_lines_that_are_no_events_are_counted_and_left_out() -> None:
    lines = [
        b'{"type":"insert","event_id":"a","record_id":"a","label":"x","text":"t"}\n',
        b"\n",
        b"nonsense\n",
        b'{"type":"insert","event_id":"b","record_id":"b","label":"y","text":"t"}\n',
        b'{"type":"delete"}\n',
    ]

    read = read_events(lines, Parser(), None)

    assert [step.event.type for step in read.steps] == ["insert", "insert"]
    assert read.refused == [3, 5]
    assert read.classes == ("x", "y")


def test_classes_that_are_set_stay_as_they_are() -> None:
    classes = ("spam", "ham", "eggs")
    lines = [json.dumps(event).encode() for event in tweets(5, 1)]

    assert read_events(lines, Parser(classes), classes).classes == classes


def test_an_input_with_one_label_is_refused() -> None:
    line = b'{"type":"insert","event_id":"a","record_id":"a","label":"x","text":"t"}'

    with pytest.raises(InputInvalid, match="1 labels"):
        read_events([line], Parser(), None)


def test_the_followed_records_subject_is_never_deleted_as_a_whole() -> None:
    events = (
        Insert(event_id=f"{i}", record_id=f"{i}", subject_id=f"s{i % 12}", label=f"{i % 2}", text="t")
        for i in range(300)
    )
    steps = [Step(event, encode(event)) for event in events]
    made = [make_script(steps, None, seed) for seed in range(20)]
    found = [(script, script.followed.insert) for script in made if script.followed]

    assert found
    for script, at in found:
        insert = script.steps[at].event
        assert isinstance(insert, Insert)
        assert all(event.subject_id != insert.subject_id for event in deletes(script) if event.record_id is None)

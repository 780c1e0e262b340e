"""What a mapping may say, and what it makes of messages that say more, less, or two things at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unlearn.events.event import ORIGIN, BadInsert, Delete, Empty, Insert, Lift, Parsed, Seal, Unreadable, encode
from unlearn.events.mapped.reader import TWO_READINGS
from unlearn.events.mapped.translation import NO_KEY, TOMBSTONE
from unlearn.events.mapped.words import UNKNOWN_WORD
from unlearn.events.parsing import Parser
from unlearn.events.refused_fields import Told
from unlearn.log.protocol import Entry, Header
from unlearn.mapping.files import mapping_named
from unlearn.mapping.mapping import DeletionPaths, InsertPaths, Mapping
from unlearn.mapping.presets import PRESETS
from unlearn.mapping.reading import Reading, Tombstones

NOON = 1_714_564_800_000
FILE = """
type = "value/kind"

[words]
insert = ["posted", "*-again"]
delete = ["gone", "*-withdrawn"]
lift = "back"

[insert]
event_id = "value/id"
record_id = ["value/post", "key"]
subject_id = "value/who"
text = "value/body"
revision = "headers/rev"

[delete]
event_id = "value/id"
record_id = ["value/post", "key"]
subject_id = "value/who"
requested_at = "value/at | record/time"

[tombstone]
record_id = "key"
"""
POST = {"kind": "posted", "id": "e1", "post": "p1", "who": "ana", "body": "hello"}
GONE = {"kind": "gone", "id": "d1", "post": "p1", "who": "ana"}


def written(folder: Path, text: str) -> Mapping:
    path = folder / "mapping.toml"
    path.write_text(text)
    return mapping_named(str(path))


@pytest.fixture
def mapping(tmp_path: Path) -> Mapping:
    return written(tmp_path, FILE)


def read(
    mapping: Mapping,
    value: Any,
    key: bytes | None = None,
    headers: list[Header] | None = None,
    tombstones: Tombstones = "refuse",
) -> Parsed:
    raw = None if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
    return Parser(reading=Reading(mapping, tombstones)).read(Entry(1, 7, NOON, key, raw, headers or []))


def test_a_mapping_has_paths_for_all_fields_of_our_events_and_no_others() -> None:
    assert set(InsertPaths.model_fields) == set(Insert.model_fields) - {"type"}
    assert set(DeletionPaths.model_fields) == set(Delete.model_fields) - {"type"}


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_preset_says_makes_the_same_mapping_again(name: str) -> None:
    told = PRESETS[name].told()
    assert Mapping.model_validate({**json.loads(json.dumps(told)), "name": name}).told() == told


def test_a_file_stands_alone(mapping: Mapping) -> None:
    assert read(mapping, POST, headers=[("rev", b"3")]) == Insert(
        event_id="e1", record_id="p1", subject_id="ana", revision=3, text="hello"
    )
    when = "2024-05-01T12:00:00.000Z"
    assert read(mapping, GONE) == Delete(event_id="d1", record_id="p1", subject_id="ana", requested_at=when)
    assert read(mapping, {**GONE, "at": "2024-04-30"}).requested_at == "2024-04-30"  # type: ignore[union-attr]


def test_a_file_starts_from_a_preset(tmp_path: Path) -> None:
    made = written(
        tmp_path,
        'preset = "debezium"\n[insert]\nrecord_id = "row/no"\ntext = "row/body"\n[delete]\nrecord_id = "key/no"\n',
    )
    row = {"no": 5, "subject_id": "ana", "body": "hello"}
    source = {"ts_ms": 9}

    found = read(made, {"op": "c", "before": None, "after": row, "source": source})
    assert found == Insert(event_id="place:1/7", record_id="5", subject_id="ana", revision=9, text="hello")
    found = read(made, {"op": "d", "before": {"no": 6}, "after": None, "source": source}, key=b'{"no": 5}')
    assert isinstance(found, Delete)
    assert found.record_id == "5"
    assert read(made, {**row, "__deleted": "false"}) == Insert(
        event_id="place:1/7", record_id="5", subject_id="ana", text="hello"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("preset = 'debezum'", "none of plain"),
        ("= 1", "isn't TOML"),
        ("[insert]\nrecord_id = 'value/id'", "type: the path is missing"),
        ("type = 'body/kind'", "begins with value, key, headers or record"),
        ("type = 'value/a//b'", "a step is empty"),
        ("type = 'value/a~2'", "isn't written as ~0"),
        ("type = 'record/offset'", "record/time and record/place"),
        ("type = 'headers/a/b'", "nothing below it"),
        ("type = 'value/kind'\n[insert]\nrecord = 'value/id'", "insert.record: "),
        ("type = 'value/kind'\nneeds = 'subject'", "needs: names fields of an insert"),
        ("type = 'value/kind'\n[[forms]]\ntype = 'value/kind'", "not both"),
        ("numeric = true", "numeric: "),
    ],
)
def test_a_file_that_says_nothing_usable_is_told_what_is_wrong(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mapping\.toml") as error:
        written(tmp_path, text)
    assert said in str(error.value)


def test_what_is_neither_preset_nor_file_is_told_so() -> None:
    with pytest.raises(ValueError, match=r"none of plain, earlier, cloudevents.* and as a file it can't be read"):
        mapping_named("debezum")


def test_a_type_may_stand_in_several_places_that_must_agree(tmp_path: Path) -> None:
    made = written(tmp_path, FILE.replace('type = "value/kind"', 'type = ["value/kind", "headers/kind"]'))

    assert isinstance(read(made, POST), Insert)
    assert isinstance(read(made, GONE, headers=[("kind", b"gone")]), Delete)
    assert read(made, POST, headers=[("kind", b"gone")]) == Unreadable("type: two paths of the mapping disagree")


FORMS = """
[[forms]]
when = "value/made"
type = "value/made/kind"
words = {insert = "new"}
row = "value/made"
insert = {event_id = "row/id", record_id = "row/id", text = "row/body"}

[[forms]]
when = "value/ended"
unless = "value/made"
type = "value/ended/kind"
words = {delete = "*"}
gone = "value/ended"
delete = {event_id = "row/id", record_id = "row/id", requested_at = "record/time"}
"""


def test_a_file_may_hold_several_forms(tmp_path: Path) -> None:
    made = written(tmp_path, FORMS)
    post, end = {"kind": "new", "id": "p1", "body": "hi"}, {"kind": "whatever", "id": "p1"}

    assert read(made, {"made": post}) == Insert(event_id="p1", record_id="p1", text="hi")
    assert read(made, {"ended": end}).record_id == "p1"  # type: ignore[union-attr]
    assert isinstance(read(made, {"made": post, "ended": end}), Insert)
    assert isinstance(read(made, {"other": end}), Unreadable)


def test_names_may_hold_slashes_and_tildes(tmp_path: Path) -> None:
    made = written(tmp_path, FILE.replace("value/who", "value/a~1b~0c"))

    assert read(made, {**POST, "a/b~c": "ben"}).subject_id == "ben"  # type: ignore[union-attr]


@pytest.mark.parametrize(("number", "taken"), [("123", "123"), ("0", "0"), ("-7", "-7"), ("9" * 30, "9" * 30)])
def test_whole_numbers_are_ids_where_the_mapping_says_so(number: str, taken: str, mapping: Mapping) -> None:
    text = json.dumps(POST).replace('"p1"', number).encode()

    assert read(mapping.model_copy(update={"numeric_ids": True}), text).record_id == taken  # type: ignore[union-attr]
    refused = "record_id: must be a string, and the mapping takes no numbers for ids"
    assert read(mapping, text) == BadInsert(refused)
    assert read(mapping, text.replace(b"posted", b"gone")) == Unreadable(refused)


@pytest.mark.parametrize("number", ["1.0", "1e3", "-0", "true", "false", "1.5", "1E400", "9" * 200])
def test_other_numbers_are_refused_by_name(number: str, mapping: Mapping) -> None:
    numeric = mapping.model_copy(update={"numeric_ids": True})
    refused = "record_id: must be a string, or a whole number in decimal digits"

    assert read(numeric, json.dumps(POST).replace('"p1"', number).encode()) == BadInsert(refused)
    assert read(numeric, json.dumps(GONE).replace('"p1"', number).encode()) == Unreadable(refused)


@pytest.mark.parametrize("thing", [["p1"], {"id": "p1"}])
def test_an_id_is_no_list_and_no_object(thing: Any, mapping: Mapping) -> None:
    numeric = mapping.model_copy(update={"numeric_ids": True})
    for one in (mapping, numeric):
        assert read(one, {**GONE, "post": thing}) == Unreadable("record_id: must be a string")


def test_two_paths_that_disagree_are_no_event(mapping: Mapping) -> None:
    assert isinstance(read(mapping, POST, key=b"p1"), Insert)
    assert isinstance(read(mapping, GONE, key=b"p1"), Delete)
    assert read(mapping, POST, key=b"p2") == BadInsert("record_id: two paths of the mapping disagree")
    assert read(mapping, GONE, key=b"p2") == Unreadable("record_id: two paths of the mapping disagree")


def test_a_number_and_its_text_are_one_id(mapping: Mapping) -> None:
    numeric = mapping.model_copy(update={"numeric_ids": True})
    assert read(numeric, {**GONE, "post": 17}, key=b"17").record_id == "17"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("posted-again", Insert),
        ("comment-withdrawn", Delete),
        ("back", Lift),
        ("withdrawal-posted-again", Unreadable(UNKNOWN_WORD)),
        ("removed-again", Unreadable(UNKNOWN_WORD)),
        ("Posted", Unreadable(UNKNOWN_WORD)),
        ("", Unreadable(UNKNOWN_WORD)),
        ([], Unreadable(UNKNOWN_WORD)),
    ],
)
def test_words_mean_what_the_mapping_says_and_no_deletion_becomes_an_insert(
    word: Any, outcome: Any, mapping: Mapping
) -> None:
    found = read(mapping, {**POST, "kind": word})

    assert isinstance(found, outcome) if isinstance(outcome, type) else found == outcome


def test_a_word_that_is_named_is_taken_at_its_word(tmp_path: Path) -> None:
    made = written(tmp_path, FILE.replace('insert = ["posted"', 'insert = ["undeleted"'))

    assert isinstance(read(made, {**POST, "kind": "undeleted"}), Insert)


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({"deleted": True}, Unreadable("an insert that says deletion in another field")),
        ({"meta": {"audit": [{"deleted_at": "2024"}]}}, Unreadable("an insert that says deletion in another field")),
        ({"op": "d"}, Unreadable("an insert that says deletion in another field")),
        ({"post": None, "body": "please delete"}, Unreadable("record_id: is missing")),
        ({"post": None}, BadInsert("record_id: is missing")),
        ({"who": None, "userId": "ana"}, BadInsert("unknown field that looks like subject_id")),
        ({"subjectId": "ben"}, BadInsert("unknown field that looks like subject_id")),
        ({"text": None, "note": {"userId": "x"}}, Insert),
    ],
)
def test_what_a_mapping_does_not_explain_is_guarded_as_in_our_own_events(
    more: dict[str, Any], outcome: Any, mapping: Mapping
) -> None:
    found = read(mapping, {**POST, **more})

    assert isinstance(found, outcome) if isinstance(outcome, type) else found == outcome


def test_a_header_that_says_deletion_leaves_an_insert_open_unless_the_mapping_explains_it(tmp_path: Path) -> None:
    made = written(tmp_path, FILE.replace("value/kind", "headers/op").replace('"posted"', '"posted", "d"'))

    assert isinstance(read(made, POST, headers=[("op", b"d")]), Insert)
    said = Unreadable("a header says deletion")
    assert read(made, POST, headers=[("op", b"posted"), ("deleted", b"true")]) == said


@pytest.mark.parametrize("value", [b"\xff", b"[]", b"7", b'"gone"', b"{", b'{"kind":"gone","kind":"posted"}', b""])
def test_bytes_of_no_form_stay_open(value: bytes, mapping: Mapping) -> None:
    for preset in (mapping, *PRESETS.values()):
        assert isinstance(read(preset, value), Unreadable)


def test_a_name_that_is_there_twice_leaves_an_insert_open(mapping: Mapping) -> None:
    twice = json.dumps(POST)[:-1] + ',"extra":{"a":1,"a":2}}'
    assert read(mapping, twice.encode()) == Unreadable("a key is there twice")


OURS = Insert(event_id="x", record_id="p1", subject_id="ana", text="hello")


def test_our_own_events_are_read_under_every_mapping(mapping: Mapping) -> None:
    assert read(mapping, encode(OURS)) == OURS
    assert read(mapping, b'{"type":"seal"}') == Seal()
    assert read(mapping, b'{"type":"insert","event_id":"e"}') == BadInsert("record_id: is missing")


def test_a_message_that_is_two_events_stays_open_unless_it_is_sent_on(mapping: Mapping) -> None:
    both = {**json.loads(encode(OURS)), **POST}
    assert read(mapping, both) == OURS
    other = {**both, "who": "ben"}
    assert read(mapping, other) == Unreadable(TWO_READINGS)
    assert read(mapping, other, headers=[(ORIGIN, b"m/0/1/2/" + b"0" * 32)]) == OURS
    assert read(mapping, {**both, "kind": "gone"}) == Unreadable(TWO_READINGS)
    assert read(mapping, {**both, "kind": "gone", "post": None}) == Unreadable(TWO_READINGS)
    assert read(mapping, {**both, "kind": "unknown"}) == OURS


@pytest.mark.parametrize("key", [b"p1", b"", b"\xff"])
def test_a_null_under_a_key_is_what_the_setting_says(key: bytes, mapping: Mapping) -> None:
    assert read(mapping, None, key) == Unreadable(TOMBSTONE)
    assert read(mapping, None, key, tombstones="ignore") == Empty()
    for tombstones in ("refuse", "ignore", "delete"):
        assert read(mapping, None, tombstones=tombstones) == Empty()


def test_a_null_can_be_a_deletion_of_what_its_key_names(mapping: Mapping) -> None:
    made = Delete(event_id="place:1/7", record_id="p1", requested_at="2024-05-01T12:00:00.000Z")
    assert read(mapping, None, b"p1", tombstones="delete") == made
    assert read(mapping, None, b"\xff", tombstones="delete") == Unreadable(NO_KEY)
    row = Delete(event_id="place:1/7", record_id="12", requested_at="2024-05-01T12:00:00.000Z")
    assert read(PRESETS["debezium"], None, b'{"id": 12}', tombstones="delete") == row
    assert read(PRESETS["debezium"], None, b"12", tombstones="delete") == Unreadable(NO_KEY)


def test_a_null_with_a_header_that_names_a_type_stays_open(mapping: Mapping) -> None:
    for tombstones in ("refuse", "ignore"):
        assert isinstance(read(mapping, None, b"k", [("ce_type", b"x")], tombstones=tombstones), Unreadable)


def test_a_copy_has_the_name_and_the_time_of_its_original(mapping: Mapping) -> None:
    mark = (ORIGIN, b"m/0/3/1714564700000/" + b"0" * 32)
    again = (ORIGIN, b"n/1/4/1714564799000/" + b"0" * 32)
    made = Delete(event_id="place:0/3", record_id="p1", requested_at="2024-05-01T11:58:20.000Z")
    assert read(mapping, None, b"p1", [mark, again], tombstones="delete") == made


def test_who_asks_by_headers_alone_can_be_answered() -> None:
    headers: list[Header] = [("ce_specversion", b"1.0"), ("ce_id", b"c1"), ("ce_type", b"x.deleted")]
    parser = Parser(reading=Reading(PRESETS["cloudevents"], "refuse"))
    assert parser.told(Entry(1, 7, NOON, b"ana", None, headers)).event_id == "c1"
    assert parser.told(Entry(1, 7, NOON, b"ana", None, ())) == Told()


def test_a_lift_that_bears_a_deletions_revision_is_refused_where_the_mapping_names_its_path(tmp_path: Path) -> None:
    text = FILE.replace("[delete]", '[delete]\nrevision = "value/no"\nscope = "value/how_far"')
    (before,) = (made := written(tmp_path, text)).before
    for field in ({"no": 3}, {"how_far": "so_far"}):
        back = {"kind": "back", "id": "l1", "post": "p1", "who": "ana", **field}
        assert isinstance(read(made, back), BadInsert)
        assert isinstance(read(before, back), Lift)
    assert isinstance(read(made, {"kind": "back", "id": "l1", "who": "ana"}), Lift)


@pytest.mark.parametrize("field", [{"rev": 3}, {"Scope": "so_far"}])
def test_a_lift_with_what_looks_like_a_field_of_deletions_is_refused_as_the_deletion_is(
    field: dict[str, Any], tmp_path: Path
) -> None:
    text = FILE.replace("[delete]", '[delete]\nrevision = "value/revision"\nscope = "value/scope"')
    (before,) = (made := written(tmp_path, text)).before
    back = {"kind": "back", "id": "l1", "who": "ana", **field}
    assert isinstance(read(made, back), BadInsert)
    assert isinstance(read(made, {**back, "kind": GONE["kind"]}), Unreadable)
    assert isinstance(read(before, back), Lift)


def test_who_can_be_answered_is_told_of_what_is_refused(mapping: Mapping) -> None:
    parser = Parser(reading=Reading(mapping, "refuse"))

    def told(value: Any) -> Any:
        return parser.told(Entry(1, 7, NOON, None, None if value is None else json.dumps(value).encode()))

    assert told({**GONE, "post": 3})[:3] == ("d1", None, "ana")
    assert told({**POST, "body": None})[:3] == ("e1", "p1", "ana")
    assert told({**GONE, "kind": "unknown"})[:3] == ("d1", None, None)
    assert told({"type": "delete", "event_id": "d2", "record_id": "r"})[:2] == ("d2", "r")
    assert told(None) == Told()

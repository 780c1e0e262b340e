"""`parse` is total, and what it says agrees with a second opinion of a few plain lines."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from unlearn.events.event import BadInsert, Delete, Empty, Insert, Seal, Unreadable, encode
from unlearn.events.parsing import parse

KEYS = st.sampled_from(
    [
        "type",
        "event_id",
        "record_id",
        "subject_id",
        "revision",
        "label",
        "text",
        "features",
        "requested_at",
        "x",
    ]
)
WORDS = st.sampled_from(
    [
        "insert",
        "delete",
        "seal",
        "erase",
        "Delete",
        "un-DELETE-d",
        "r",
        "",
        '"',
        "\\",
        '\\"',
        ": ",
        '":',
        "é",
        "\n",
    ]
)
SCALARS = st.one_of(WORDS, st.text(max_size=5), st.none(), st.booleans(), st.integers(-1, 2**64), st.floats())
PAIRS = st.lists(
    st.tuples(KEYS, st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2), max_leaves=3)),
    max_size=9,
)
ESSENTIALS: list[tuple[str, Any]] = [("type", "insert"), ("event_id", "e"), ("record_id", "r"), ("text", "t")]


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """A JSON string in one of its spellings."""
    as_escapes = draw(st.booleans())
    raw = "".join(f"\\u{ord(c):04x}" for c in text) if as_escapes and text.isascii() else json.dumps(text)[1:-1]
    return f'"{raw}"'


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, list[tuple[str, Any]]]:
    """An object's bytes, with keys in any number and spelling, and its pairs."""
    base = draw(st.sampled_from([[], ESSENTIALS, ESSENTIALS[:-1], [*ESSENTIALS, ("subject_id", None)]]))
    pairs = draw(st.permutations([*base, *draw(PAIRS)]))
    gap = st.sampled_from(["", " ", "\n\t"])
    parts = []
    for key, value in pairs:
        content = draw(spelled(value)) if isinstance(value, str) else json.dumps(value)
        parts.append(draw(spelled(key)) + draw(gap) + ":" + draw(gap) + content)
    return ("{" + ",".join(parts) + "}").encode(errors="replace"), pairs


def strings(value: Any) -> list[str]:
    if isinstance(value, list | tuple):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def may_delete(pairs: list[tuple[str, Any]]) -> bool:
    """The rule of the design, on what was meant: only an insert or a seal by its own word can be no deletion."""
    types = [value for key, value in pairs if key == "type"]
    return types not in (["insert"], ["seal"]) or any("delete" in t.lower() for t in strings(pairs))


@settings(max_examples=600)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode(errors="replace"))))
def test_any_bytes_turn_out_to_be_something(raw: bytes) -> None:
    outcome = parse(raw)

    assert isinstance(outcome, Insert | Delete | Seal | BadInsert | Unreadable)
    if not _is_json(raw):
        assert isinstance(outcome, Unreadable)


@settings(max_examples=600)
@given(messages())
def test_the_second_opinion_agrees(message: tuple[bytes, list[tuple[str, Any]]]) -> None:
    raw, pairs = message

    outcome = parse(raw)

    if isinstance(outcome, BadInsert):
        assert not may_delete(pairs)
    elif isinstance(outcome, Unreadable):
        assert may_delete(pairs)
    else:
        assert not isinstance(outcome, Empty)
        meant = dict(pairs)
        assert len(meant) == len(pairs)
        for name in type(outcome).model_fields.keys() & meant.keys() - {"features"}:
            assert getattr(outcome, name) == meant[name]


@settings(max_examples=300)
@given(
    st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() or text.isascii()),
    st.text(max_size=40),
    st.none() | st.text(min_size=1, max_size=9),
    st.booleans(),
    st.sampled_from([None, 2]),
)
def test_what_is_written_is_read(record: str, text: str, label: str | None, ascii_only: bool, indent: int) -> None:
    event = Insert(event_id="e", record_id=record, text=text, label=label)

    assert parse(encode(event)) == event
    assert parse(json.dumps(event.model_dump(), ensure_ascii=ascii_only, indent=indent).encode()) == event


@settings(max_examples=300)
@given(st.dictionaries(st.integers(0, 2**31 - 1), st.integers(-1000, 1000).map(lambda n: n / 8), max_size=8))
def test_features_are_read_as_written(values: dict[int, float]) -> None:
    event = Insert(event_id="e", record_id="r", features=values)

    assert parse(encode(event)) == event


@settings(max_examples=400)
@given(st.integers(0, 200), st.integers(0, 255), st.booleans())
def test_a_damaged_deletion_is_never_a_bad_insert(place: int, byte: int, cut: bool) -> None:
    """One byte of difference may leave a deletion, or something that stays open; it can't make it vanish."""
    raw = b'{"type":"delete","event_id":"e","subject_id":"s","requested_at":"2024-01-01T00:00:00Z"}'
    place %= len(raw)
    damaged = raw[:place] if cut else raw[:place] + bytes([byte]) + raw[place + 1 :]

    assert isinstance(parse(damaged), Delete | Unreadable)


def _is_json(raw: bytes) -> bool:
    try:
        json.loads(raw.decode())
    except ValueError:
        return False
    return True

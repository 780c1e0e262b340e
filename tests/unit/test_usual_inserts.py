"""What the scanner of usual inserts takes, and what it leaves to the parser, case by case."""

from __future__ import annotations

from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.harness.scanned import Model, agreed, packed
from unlearn.events.kernels.powers import MOST_DIGITS, UNCERTAIN, double
from unlearn.events.parsing import Parser
from unlearn.events.usual_inserts import NOT_TAKEN, UsualInsertScanner

CLASSES = ("ham", "späm", "")
WIDTH = 2**31
MODEL = Model(UsualInsertScanner({"ham": 0, "späm": 1}, WIDTH, False), Parser(CLASSES[:2], WIDTH), CLASSES)
COUNTS = Model(UsualInsertScanner({"ham": 0}, 5, True), Parser(CLASSES[:1], 5, True), CLASSES)
IDS = '"type":"insert","event_id":"e","record_id":"r"'


def with_text(text: str) -> str:
    return f'{{{IDS},"text":"{text}"}}'


def with_features(features: str) -> str:
    return f'{{{IDS},"features":{features}}}'


def with_field(field: str) -> str:
    return f'{{{IDS},{field},"text":"t"}}'


def as_bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


def taken(message: str | bytes, model: Model = MODEL) -> bool:
    """Whether the message is taken, as the parser reads it, alone and between others."""
    raw = as_bytes(message)
    other = with_text("another").encode()
    among = agreed(model, [other, raw, other])
    assert {0, 2} <= set(among)
    assert agreed(model, [raw]) == [0] * (1 in among)
    return 1 in among


TAKEN = {
    "least": with_text("t"),
    "no text": with_text(""),
    "no features": with_features("[]"),
    "no sparse features": with_features("{ }"),
    "whitespace": f' \t\r\n{{ {IDS} ,\n"features"\t:\r[ 1 , 2 ] , "label" : null }} \n',
    "all fields": with_field('"subject_id":"s","revision":999999999999999,"occurred_at":"now","label":"späm"'),
    "nulls": with_field('"subject_id":null,"occurred_at":null,"label":null'),
    "zero revision": with_field('"revision":0'),
    "short escapes": with_text(r"\"\\\/\b\f\n\r\t"),
    "escapes": with_text(r"\u0000\u0041\u00e9\u07FF\u0800\uffff"),
    "surrogate pairs": with_text(r"\ud800\udc00\uDBFF\uDFFF"),
    "quotes behind backslashes": with_text(r"\\\"\\"),
    "unicode": with_text("é漢😀\x7f\u2028\U0010ffff"),
    "longest ids": with_field(f'"subject_id":"{"é" * 256}","occurred_at":"{"é" * 64}"'),
    "longest text": with_text("😀" * 100_000),
    "longest escaped text": with_text(r"\u00e9" * 100_000),
    "most features": with_features("[" + "0," * 99_999 + "1]"),
    "sparse": with_features('{"0":1,"10":-2.5,"2147483647":1e-3}'),
    "negative zeros": with_features("[-0,-0.0,0e9,1]"),
    "bounds": with_features("[2147483648,-2147483648.0,7.888609052210118e-31]"),
    "19 digits": with_features("[0.0000000001234567890123456789,1234567890.123456789]"),
    "17 digits": with_features("[0.30000000000000004,-1.7976931348623157e-30]"),
    "short numbers": with_features("[1,1.5,1E5,1e+5,1.5e-5,1e05]"),
}
NOT: dict[str, str | bytes] = {
    "a key twice": with_field('"text":"t"'),
    "type twice": with_field('"type":"insert"'),
    "label twice": with_field('"label":"ham","label":"ham"'),
    "an escaped key": with_field(r'"labe\u006c":"ham"'),
    "an unknown key": with_field('"lang":"en"'),
    "a near key": with_field('"labels":"ham"'),
    "a key's case": with_field('"Label":"ham"'),
    "no type": '{"event_id":"e","record_id":"r","text":"t"}',
    "no event id": '{"type":"insert","record_id":"r","text":"t"}',
    "no record id": '{"type":"insert","event_id":"e","text":"t"}',
    "no content": f"{{{IDS}}}",
    "both contents": with_field('"features":[]'),
    "a deletion": with_text("t").replace("insert", "delete"),
    "an escaped type": with_text("t").replace("insert", r"inser\u0074"),
    "a longer type": with_text("t").replace("insert", "inserts"),
    "a null record id": with_text("t").replace('"r"', "null"),
    "an empty record id": with_text("t").replace('"r"', '""'),
    "an empty subject id": with_field('"subject_id":""'),
    "a number as id": with_field('"subject_id":1'),
    "an escaped id": with_field(r'"subject_id":"\u0041"'),
    "an id too long": with_field(f'"subject_id":"{"é" * 257}"'),
    "a time too long": with_field(f'"occurred_at":"{"é" * 65}"'),
    "a text too long": with_text("é" * 100_001),
    "an escaped text too long": with_text(r"\ud83d\ude00" * 100_001),
    "a label with an escape": with_field(r'"label":"h\u0061m"'),
    "another label": with_field('"label":"other"'),
    "a part of a label": with_field('"label":"ha"'),
    "an empty label": with_field('"label":""'),
    "null with more": with_field('"label":nulls'),
    "a revision of 16 digits": with_field('"revision":1234567890123456'),
    "a revision of 17 digits": with_field('"revision":12345678901234567'),
    "a revision with a zero first": with_field('"revision":01'),
    "a negative revision": with_field('"revision":-1'),
    "a fraction as revision": with_field('"revision":1.0'),
    "an exponent as revision": with_field('"revision":1e3'),
    "a null revision": with_field('"revision":null'),
    "half a pair": with_text(r"\ud83d"),
    "half a pair and a letter": with_text(r"\ud83d\u0041"),
    "two first halves": with_text(r"\ud83d\ud83d"),
    "a second half": with_text(r"\ude00"),
    "the halves swapped": with_text(r"\ude00\ud83d"),
    "half an escape": with_text(r"\u00e"),
    "an unknown escape": with_text(r"\x41"),
    "a capital escape": with_text(r"\U0041"),
    "a NUL": with_text("a\0b"),
    "a NUL in an id": with_field('"subject_id":"a\0b"'),
    "a NUL behind": with_text("t") + "\0",
    "a NUL before": "\0" + with_text("t"),
    "a line's end in a text": with_text("a\nb"),
    "a byte order mark": "\ufeff" + with_text("t"),
    "a surrogate in UTF-8": with_text("a#b").encode().replace(b"#", b"\xed\xa0\x80"),
    "a longer form than needed": with_text("a#b").encode().replace(b"#", b"\xc0\xaf"),
    "a longer form of three": with_text("a#b").encode().replace(b"#", b"\xe0\x9f\xbf"),
    "a longer form of four": with_text("a#b").encode().replace(b"#", b"\xf0\x8f\xbf\xbf"),
    "above U+10FFFF": with_text("a#b").encode().replace(b"#", b"\xf4\x90\x80\x80"),
    "a lead byte above all": with_text("a#b").encode().replace(b"#", b"\xf5\x80\x80\x80"),
    "half a character": with_text("a#").encode().replace(b"#", b"\xe2\x82"),
    "three quarters of a character": with_text("a#b").encode().replace(b"#", b"\xf0\x9f\x98"),
    "a byte that follows nothing": with_text("a#b").encode().replace(b"#", b"\x80"),
    "a half character in an id": with_field('"subject_id":"#"').encode().replace(b"#", b"\xc3"),
    "a trailing comma": with_field('"label":"ham"')[:-1] + ",}",
    "a comma first": "{," + with_text("t")[1:],
    "two commas": with_field(',"label":"ham"'),
    "no comma": with_field('"label":"ham"').replace('"ham",', '"ham"'),
    "no colon": with_field('"label""ham"'),
    "an object twice": with_text("t") * 2,
    "a bracket behind": with_text("t") + "}",
    "no end": with_text("t")[:-1],
    "another space": with_field('\x0b"label":"ham"'),
    "a list": f"[{with_text('t')}]",
    "an empty object": "{}",
    "a comma in the end of features": with_features("[1,]"),
    "a comma in the end of sparse features": with_features('{"1":1,}'),
    "mixed brackets": with_features("[1}"),
    "features in features": with_features("[[1]]"),
    "null features": with_features("null"),
    "a text as features": with_features('"1"'),
    "an index twice": with_features('{"1":1,"1":2}'),
    "indices that fall": with_features('{"2":1,"1":2}'),
    "an index with a zero first": with_features('{"01":1}'),
    "a negative index": with_features('{"-1":1}'),
    "an index too large": with_features('{"2147483648":1}'),
    "an index much too large": with_features('{"18446744073709551617":1}'),
    "an empty index": with_features('{"":1}'),
    "an index with a blank": with_features('{" 1":1}'),
    "too many features": with_features("[" + "0," * 100_000 + "1]"),
    "a number too long": with_features("[0.12345678901234567891]"),
    "a number that fills 64 bits": with_features("[18446744073709551616e-12]"),
    "too large": with_features("[2147483648.5]"),
    "too near to zero": with_features("[7.888609052210117e-31]"),
    "nearly nothing": with_features("[1e-400]"),
    "infinite": with_features("[1e400]"),
    "an exponent too long": with_features("[0e1000]"),
    **{
        f"the number {number}": with_features(f"[{number}]")
        for number in (
            *("+1", ".5", "1.", "01", "-", "-01", "00", "1e", "1e+", "1e-", "1.e5", "--1", "1-", "0x1", "1_0"),
            *("NaN", "Infinity", "-Infinity", "true", "null", '"1"', "1 2", "1.5.5", "1e5e5", "1e5.5", "\u0661"),
        )
    },
}


@pytest.mark.parametrize("name", TAKEN)
def test_it_takes(name: str) -> None:
    assert taken(TAKEN[name])


@pytest.mark.parametrize("name", NOT)
def test_it_leaves_to_the_parser(name: str) -> None:
    assert not taken(NOT[name])


@pytest.mark.parametrize("message", [TAKEN["all fields"], with_text(r"é\ud83d\ude00\n"), with_features('{"1":1.5e-3}')])
def test_no_beginning_of_a_message_is_taken(message: str) -> None:
    raw = message.encode()
    assert agreed(MODEL, [raw[:stop] for stop in range(len(raw) + 1)]) == [len(raw)]


@pytest.mark.parametrize(
    ("features", "is_taken"),
    [
        *(("[1,2.0,0,-0.0,3e1]", True), ('{"4":1}', True), ("[0.5]", False), ("[-1]", False), ('{"5":1}', False)),
        *(("[0,0,0,0,0]", True), ("[0,0,0,0,0,0]", False), ('{"5":0}', False), ("[1.0000000000000002]", False)),
    ],
)
def test_counts_are_whole_and_within_the_width(features: str, is_taken: bool) -> None:
    assert taken(with_features(features), COUNTS) == is_taken


def test_only_labels_that_are_learned_from_are_taken() -> None:
    assert not taken(with_field('"label":"späm"'), COUNTS)


def test_a_label_that_is_no_text_takes_nothing() -> None:
    classes = ("a\ud800", "a?")
    model = Model(UsualInsertScanner({classes[0]: 0}, WIDTH, False), Parser(classes[:1]), classes)
    assert not taken(with_field('"label":"a?"'), model)
    assert not taken(with_field('"label":"a#"').encode().replace(b"#", b"\xed\xa0\x80"), model)


def test_a_message_without_a_value_is_none() -> None:
    data, spans = packed([with_text("t").encode()] * 2)
    spans[0] = -1, -1
    found = MODEL.scanner.scan(data, spans)
    assert (found.kinds.tolist(), found.text_ends.tolist()) == ([NOT_TAKEN, 1], [0, 1])


def test_no_messages_are_none() -> None:
    found = MODEL.scanner.scan(np.zeros(0, np.uint8), np.zeros((0, 2), np.int64))
    assert (found.kinds.tolist(), found.indptr.tolist()) == ([], [0])


@pytest.mark.parametrize("span", [(0, 99), (50, 40)])
def test_messages_must_lie_within_the_data(span: tuple[int, int]) -> None:
    data, _ = packed([with_text("t").encode()])
    with pytest.raises(ValueError, match="within the data"):
        MODEL.scanner.scan(data, np.array([span], np.int64))


def test_one_message_many_times_has_room() -> None:
    data, spans = packed([with_text("a text").encode()])
    found = MODEL.scanner.scan(data, np.repeat(spans, 1000, axis=0))
    assert (found.kinds == 1).all()
    assert bytes(found.text) == b"a text" * 1000


def beside_half_way(rng: Random) -> tuple[int, int]:
    """The 19 digits below the middle between two doubles, and their power of ten."""
    middle = Fraction(2 * rng.randrange(2**52, 2**53) + 1) * Fraction(2) ** rng.randrange(-150, -20)
    power = -60
    while middle / Fraction(10) ** power >= 10**MOST_DIGITS:
        power += 1
    return int(middle / Fraction(10) ** power), power


def test_a_number_is_the_nearest_double() -> None:
    rng, known = Random(1), 0
    cases = [(rng.randrange(10 ** rng.randrange(1, 20)), rng.randrange(-61, 23)) for _ in range(20_000)]
    near = [beside_half_way(rng) for _ in range(3000)]
    half = [((2 * rng.randrange(2**52, 2**53) + 1) * 5**p, -p) for p in range(5) for _ in range(300)]
    cases += [(digits + more, power) for digits, power in near + half for more in (-1, 0, 1)]
    for digits, power in cases:
        found = double(np.uint64(digits), power)
        known += found != UNCERTAIN
        assert found in (UNCERTAIN, float(f"{digits}e{power}")), (digits, power)
    assert known > 0.9 * len(cases)


def test_the_parser_takes_what_the_scanner_leaves_to_it() -> None:
    """Some of what isn't taken are inserts all the same: there a refusal costs time only."""
    left: dict[str, Any] = {
        name: MODEL.parser.parse(as_bytes(NOT[name])) for name in ("an escaped key", "an unknown key")
    }
    assert [event.text for event in left.values()] == ["t", "t"]

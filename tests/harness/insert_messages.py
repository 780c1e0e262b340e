"""Inserts as bytes, spelled in every way that JSON allows; and bytes that are nearly one."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from random import Random

KEYS = ("type", "event_id", "record_id", "subject_id", "revision", "occurred_at", "label", "text", "features")
LABELS = ("ham", "späm", "x")
_SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ALPHABETS = (
    "ab c",
    "abcdefghij klmnop0123456789_-:.,{}[]",
    "éßñµ\x7f\x80\u07ff",
    "漢字\u0800\ud7ff\ue000\uffff\u2028",
)
_EMOJI = "😀👍🏽\U00010000\U0010ffff"
_AWKWARD = '"\\/\b\f\n\r\t\x00\x1f'
_NUMBERS = (
    *("0", "-0", "0.0", "-0.0", "0e5", "1", "-1", "10", "1.0", "1E5", "1e+5", "1.5e-5", "1e05", "0.1", "123456789"),
    *("2147483648", "-2147483648.0", "2147483647.9999998", "7.888609052210118e-31", "-7.888609052210118e-31"),
    *("9007199254740993e-8", "1234567890.123456789", "0.30000000000000004", "5e-324", "1e-400", "0e-400", "1e400"),
    *("2147483648.0000001", "2147483648.0000003", "7.888609052210117e-31", "9999999999999999999e-15"),
    *("18446744073709551615e-12", "18446744073709551616e-12", "0.00000000000000000000001234567890123456789"),
    *("+1", ".5", "1.", "01", "-", "-01", "1e", "1e+", "NaN", "Infinity", "-Infinity", "true", "null", '"1"', "[1]"),
)
_ODD = (
    *(
        b'"text":"again"',
        b'"type":"delete"',
        b'"te\\u0078t":"t"',
        b'"label":"h\\u0061m"',
        b'"revision":1234567890123456',
    ),
    *(b'"revision":12345678901234567', b'"revision":01', b'"revision":-0', b'"revision":1.0', b'"revision":null'),
    *(b'"Record_Id":"r"', b'"user_id":"u"', b'"deleted":true', b'"text":"\\ud800"', b'"text":"\\ude00\\ud83d"'),
    *(b'"text":"\xed\xa0\x80"', b'"text":"\xc0\x80"', b'"text":"\xf4\x90\x80\x80"', b'"x":' + b"[" * 70 + b"]" * 70),
    *(b'"features":[1,]', b'"features":{"01":1}', b'"features":{"2":1,"1":1}', b'"features":{"2147483648":1}'),
    *(b'"text":null', b'"features":null', b'"label":""', b'"record_id":null', b'"subject_id":""', b'"":1', b""),
)
_PIECES = (
    b'"',
    b"\\",
    b",",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"\0",
    b"\xef\xbb\xbf",
    b" ",
    b"\n",
    b"\\u00",
    b"0",
    b"-",
    b"e",
)
_LETTERS = (b"a", b"7", b"0", b"_", b"\\n", b"\xc3\xa9", b"\\u00e9", b"\xf0\x9f\x98\x80", b".", b"e1", b"-", b"\x7f")


def usual_message(rng: Random, n_features: int) -> bytes:
    """An insert in any spelling; now and then with a number, a label or an index that isn't allowed."""
    members = {name: _string(rng, _text(rng, rng.choice((1, 9, 30))), escapes=False) for name in KEYS[1:3]}
    members["type"] = '"insert"'
    for name in ("subject_id", "occurred_at"):
        if rng.random() < 0.6:
            members[name] = _string(rng, _text(rng, 12), escapes=False) if rng.random() < 0.9 else "null"
    if rng.random() < 0.8:
        members["label"] = _string(rng, rng.choice((*LABELS, "other")), escapes=False) if rng.random() < 0.9 else "null"
    if rng.random() < 0.4:
        members["revision"] = str(rng.randrange(10 ** rng.randrange(1, 18)))
    if rng.random() < 0.5:
        members["text"] = _string(rng, _text(rng, rng.choice((0, 5, 60, 300)), _AWKWARD), escapes=True)
    else:
        members["features"] = _features(rng, n_features)
    names = list(members)
    rng.shuffle(names)
    blanks = rng.choice((0.0, 0.0, 0.3))
    tokens = ["{", *_joined((f'"{name}"', ":", members[name]) for name in names), "}"]
    return "".join(_blank(rng, blanks) + token for token in [*tokens, ""]).encode()


def mangled(rng: Random, one: bytes, other: bytes) -> bytes:
    """The message with one to three faults; parts of the other one may be among them. Some leave it an insert."""
    harsh = rng.random() < 0.5
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        one = _fault(rng, one, other) if harsh else _change(rng, one)
    return one


def _change(rng: Random, one: bytes) -> bytes:
    at = rng.randrange(len(one) + 1)
    comma = _behind_comma(rng, one)
    ways = (
        lambda: one[:at] + rng.choice(_LETTERS) + one[at + 1 :],
        lambda: one[:at] + rng.choice(_LETTERS) + one[at:],
        lambda: one[:at] + one[at + 1 :],
        lambda: one[:comma] + rng.choice((b" ", b"\n", b"\r\t")) + one[comma:],
        lambda: one.replace(b"0", rng.choice((b"1", b"9", b"00", b"12345678")), rng.randrange(1, 4)),
        lambda: one.replace(b"1", rng.choice((b"1e", b"1.", b"-1", b"10")), 1),
        lambda: one.replace(rng.choice((b"a", b"b", b"c")), rng.choice(_LETTERS)),
    )
    return rng.choice(ways)()


def _fault(rng: Random, one: bytes, other: bytes) -> bytes:
    at, to = sorted((rng.randrange(len(one) + 1), rng.randrange(len(one) + 1)))
    near = min(len(one), at + rng.randrange(4))
    comma = _behind_comma(rng, one)
    ways = (
        lambda: one[:at] + rng.randbytes(1) + one[at + 1 :],
        lambda: one[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in one[at : at + 1]) + one[at + 1 :],
        lambda: one[:at] + rng.choice(_PIECES) + one[at:],
        lambda: one[:at] + rng.choice(_PIECES) + one[near:],
        lambda: one[:at] + one[near:],
        lambda: one[:at] + one[to:],
        lambda: one[:at],
        lambda: one[:at] + other[rng.randrange(len(other) + 1) :],
        lambda: one[:comma] + rng.choice(_ODD) + b"," + one[comma:],
        lambda: one[:comma] + b'"' + rng.choice(KEYS).encode() + b'":' + _scalar(rng) + b"," + one[comma:],
        lambda: one[:comma] + b"," + one[comma:],
        lambda: one.replace(b"}", b",}"),
        lambda: one + rng.choice((*_PIECES, one, b" ", b"null")),
    )
    return rng.choice(ways)()


def _behind_comma(rng: Random, one: bytes) -> int:
    """A position behind a comma or an opening brace."""
    return rng.choice([i + 1 for i, byte in enumerate(one) if byte in b",{"] or [0])


def _scalar(rng: Random) -> bytes:
    return rng.choice((_number(rng).encode(), b"null", b'"a"', b"[]", b"{}", b"[0.5,0,1]", b'{"1":2}', b'"ham"'))


def _joined(members: Iterable[tuple[str, ...]]) -> list[str]:
    tokens: list[str] = []
    for member in members:
        tokens += [*([","] if tokens else []), *member]
    return tokens


def _blank(rng: Random, share: float) -> str:
    return "".join(rng.choice(" \t\n\r") for _ in range(rng.randrange(1, 4))) if rng.random() < share else ""


def _text(rng: Random, most: int, beside: str = "") -> str:
    letters = rng.choice((*_ALPHABETS[:2], "".join(_ALPHABETS) + _EMOJI + beside, _ALPHABETS[1] + beside, _EMOJI))
    return "".join(rng.choice(letters) for _ in range(rng.randrange(min(1, most), most + 1)))


def _string(rng: Random, text: str, escapes: bool) -> str:
    share = rng.choice((0.0, 0.1, 1.0)) if escapes else 0.0
    return '"' + "".join(_letter(rng, letter, rng.random() < share) for letter in text) + '"'


def _letter(rng: Random, letter: str, escaped: bool) -> str:
    must = letter in '"\\' or letter < " "
    if not (escaped or must):
        return letter
    if letter in _SHORT and rng.random() < 0.7:
        return _SHORT[letter]
    units = struct.unpack(f">{len(letter.encode('utf-16-be')) // 2}H", letter.encode("utf-16-be"))
    return "".join(rng.choice(("\\u{:04x}", "\\u{:04X}")).format(unit) for unit in units)


def _features(rng: Random, n_features: int) -> str:
    width = rng.choice((0, 1, 3, 20, n_features))
    values = [_usual_number(rng) if rng.random() < 0.97 else _number(rng) for _ in range(width)]
    if rng.random() < 0.3:
        values = [str(rng.randrange(5)) for _ in values]
    if rng.random() < 0.5:
        return "".join(["[", *_joined((value,) for value in values), "]"])
    indices = sorted(rng.sample(range(n_features + (rng.random() < 0.1)), min(width, n_features)))
    return "".join(["{", *_joined((f'"{i}"', ":", value) for i, value in zip(indices, values, strict=False)), "}"])


def _usual_number(rng: Random) -> str:
    draw = rng.randrange(8)
    if draw < 3:
        return json.dumps(rng.gauss(0.0, 1.0) * 10.0 ** rng.randrange(-9, 6))
    if draw == 3:
        return json.dumps(round(rng.random(), rng.randrange(6)))
    if draw == 4:
        return f"{rng.gauss(0.0, 100.0):.{rng.randrange(21)}e}"
    if draw == 5:
        return f"{rng.randrange(10**19)}e-{rng.randrange(10, 40)}"
    return str(rng.randrange(-3, 10)) if draw == 6 else rng.choice(("0", "0.0", "1.0", "-0.0", "2"))


def _number(rng: Random) -> str:
    if rng.random() < 0.7:
        return rng.choice(_NUMBERS)
    # Half-way between two doubles, or the digit beside it.
    double = rng.randrange(2**52, 2**53)
    return f"{(2 * double + 1) * 5 + rng.randrange(-1, 2)}e-{rng.choice((1, 9, 12))}"

"""Texts with their tokens and counts, among them the odd corners of Unicode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.vectors.tokens import tokens
from unlearn_models import hash_texts

__all__ = ["counted", "lines"]

_USUAL = 2**18

_TEXTS: Mapping[str, str] = {
    "plain": "win cash now, win CASH",
    "empty": "",
    "one letter is no token": "a b c I",
    "digits and underscores are word characters": "x_y __ 12 3 _1",
    "NUL and other controls stand between tokens": "ab\0cd\x01ef\x1fgh\x7fij\x85kl",
    "every ASCII character": "".join(f"x{chr(code)}y " for code in range(128)),
    "line ends": "one\ntwo\r\nthree\u2028four\u2029five",
    "a hash of -2**31, whose absolute value is no int32": "akqlrggi AKQLRGGI",
    "combining marks stand between tokens": "e\u0301te\u0301 cafe\u0301s",
    "the same letters composed": "\u00e9t\u00e9 caf\u00e9s",
    "nothing is normalised: ligatures, full width, angstrom": (
        "\ufb01\ufb02 \uff37\uff49\uff4e \u212bngstr\u00f6m \u00c5ngstr\u00f6m"
    ),
    "dotted capital I ends a token": "\u0130stanbul D\u0130YARBAKIR \u0130\u0130 a\u0130 \u0131I",
    "sharp s": "stra\u00dfe STRASSE \u1e9eA",
    "kelvin and ohm are lowered": "\u212a1 \u21261 k1 \u03c91",
    "titlecase digraphs": "\u01c4\u01c5\u01c6 \u01f1\u01f2\u01f3",
    "final sigma": (
        "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3 \u03a3 \u0391\u03a3 \u0391\u03a3\u0391 "
        "\u03a3\u0391 \u03a3\u03a3"
    ),
    "final sigma past what case rules skip": (
        "\u0391\u03a3'\u0391 \u0391'\u03a3 \u0391\u03a3\u0301 \u0391\u00ad\u03a3\u00ad "
        "\u0391\u03a3.\u0391 1\u03a3 \u0391\u03a3:2"
    ),
    "final sigma beside letters without case": "\u4e00\u03a3 \u05d0\u03a3 \u03b1\u03a3\u4e00 \u03b1\u03a3\u05d0",
    "final sigma at the ends of the text": "\u03a3\u03b1 x \u03b1\u03a3",
    "emoji": "\U0001f44d\U0001f3fd no\U0001f469\u200d\U0001f469\u200d\U0001f467words ab\U0001f44dcd \u2764\ufe0f ok",
    "flags and keycaps": "\U0001f1eb\U0001f1f7 1\ufe0f\u20e3 12\u20e3",
    "joiners stand between tokens": "na\u200dme na\u200cme na\u2060me na\u00adme \ufeffname",
    "right to left": (
        "\u05e9\u05dc\u05d5\u05dd \u202eabc\u202c \u0645\u0631\u062d\u0628\u0627 \u200fxyz \u0660\u0661\u0662"
    ),
    "scripts with vowel signs": (
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u1780\u17d2\u1798\u17c2\u179a"
    ),
    "scripts without spaces": "\u65e5\u672c\u8a9e \u30c6\u30ad\u30b9\u30c8 \ud55c\uad6d\uc5b4 \u91ce\u5bb6",
    "beyond 16 bits, with case": "\U00010400\U00010428\U00010400 \U0001e900\U0001e922",
    "beyond 16 bits, without case": "\U00020000\U00020001 \U00020bb7\u91ce\u5bb6 \U0001d400\U0001d401",
    "numbers that are no digits": "\u00bd\u00be \u2460\u2461 \u2160\u2170 x\u00b2 \u0967\u0968",
    "other letters of Unicode 14, and of 15 and 16, which are none here": (
        "\u1c89\u1c8a \ua7c0\ua7c1 \U00031350\U00031351 \ua7cb\ua7cc"
    ),
    "unassigned, private and noncharacters": "ab\u0378cd ab\ue000cd ab\uffffcd ab\U0010ffffcd",
    "lone surrogates stand between tokens": "ab\ud800cd \udfffef gh\udc00",
    "surrogates in the wrong order": "ab\udc00\ud800cd",
    "hashes of all lengths": " ".join("abcdefghijk"[:size] for size in range(2, 12)),
    "a long word": "supercalifragilistic" * 150,
    "a long word beyond ASCII": "\u00c4\u4e00\U0001e900" * 400,
    "many of one": "spam " * 300,
    "more tokens than features": " ".join(f"t{number}" for number in range(100)),
}
"""What -> text."""

_OTHER_WIDTHS = {"more tokens than features": 7, "a hash of -2**31, whose absolute value is no int32": 2**31 - 1}


def counted(text: str, features: int) -> list[list[int]]:
    """[feature, count] pairs by rising feature."""
    _, indices, values = hash_texts([text], features)
    return [[int(index), int(value)] for index, value in zip(indices, values, strict=True)]


def lines() -> Iterator[dict[str, Any]]:
    """A line a text."""
    for what, text in _TEXTS.items():
        features = _OTHER_WIDTHS.get(what, _USUAL)
        yield {
            "what": what,
            "text": text,
            "features": features,
            "tokens": tokens(text),
            "counts": counted(text, features),
        }

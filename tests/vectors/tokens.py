"""The tokens of a text by a second implementation, one character after the other, by the rules of docs/format.md."""

from __future__ import annotations

from collections.abc import Iterable

from unlearn_models.text.letters import letters
from unlearn_models.text.signs import APART, CASED, HARD, IGNORABLE

__all__ = ["tokens"]

_SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"
_LOWER, _CASES = (table.tolist() for table in letters())


def tokens(text: str) -> list[str]:
    """The tokens in their order, lower-cased."""
    lowered = "".join(_lower(text, at) for at in range(len(text)))
    return [word for word in lowered.split("\0") if len(word) > 1]


def _lower(text: str, at: int) -> str:
    code = ord(text[at])
    letter = _LOWER[code] if code < len(_LOWER) else APART
    if letter == APART:
        return "\0"
    if letter != HARD:
        return chr(letter)
    if text[at] != _SIGMA:
        return "i\0"
    before, behind = _case(reversed(text[:at])), _case(iter(text[at + 1 :]))
    return "\N{GREEK SMALL LETTER FINAL SIGMA}" if before == CASED != behind else "\N{GREEK SMALL LETTER SIGMA}"


def _case(characters: Iterable[str]) -> int:
    """The case of the first character that case rules don't skip; 0 if there is none."""
    for character in characters:
        code = ord(character)
        case = _CASES[code] if code < len(_CASES) else 0
        if case != IGNORABLE:
            return int(case)
    return 0

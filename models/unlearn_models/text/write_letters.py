"""Writes `letters.txt` from Python's Unicode data: `python -m unlearn_models.text.write_letters`.

It needs a Python whose data are of the version `UNICODE`.  Another version would change the features of texts for
models that exist: it needs another identity, not an update.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from unlearn_models.text.letters import APART_SIGN, FILE, HARD_SIGN, UNICODE

__all__ = ["kind", "made"]

_SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"  # its lower case depends on its neighbours
_FINAL = "\N{GREEK SMALL LETTER FINAL SIGMA}"


def made() -> str:
    """The content of `letters.txt`.  Raises ValueError under a Python that knows another version of Unicode."""
    if unicodedata.unidata_version != UNICODE:
        raise ValueError(f"this Python knows Unicode {unicodedata.unidata_version}, the table is of {UNICODE}")
    head = (
        f"# Unicode {UNICODE}; made by python -m unlearn_models.text.write_letters; letters.py says how it is read.\n"
    )
    return head + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    for (offset, case), run in groupby(range(sys.maxunicode + 1), lambda code: kind(chr(code))):
        if (offset, case) != (APART_SIGN, ""):
            first, *others = run
            span = f"{first:x}..{others[-1]:x}" if others else f"{first:x}"
            yield f"{span} {offset} {case}".rstrip()


def kind(letter: str) -> tuple[str, str]:
    """The distance to the character's lower case, and its case, as this Python knows them, in the file's signs."""
    return _offset(letter), _case(letter)


def _offset(letter: str) -> str:
    lower = letter.lower()
    if len(lower) != 1 or letter == _SIGMA:
        return HARD_SIGN
    return str(ord(lower) - ord(letter)) if lower.isalnum() or lower == "_" else APART_SIGN


def _case(letter: str) -> str:
    """`c` if a capital sigma behind the character is final, `i` if case rules skip the character, else nothing."""
    if (letter + _SIGMA).lower().endswith(_FINAL):
        return "c"
    return "i" if ("a" + letter + _SIGMA).lower().endswith(_FINAL) else ""


if __name__ == "__main__":
    Path(__file__).with_name(FILE).write_text(made(), "ascii")

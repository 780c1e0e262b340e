"""What a letter is and what its lower case is: a table of our own, as Pythons differ by the Unicode they know.

`letters.txt` holds the answers of one Unicode version for every character, a line a run of characters that share
them: first..last in hexadecimal, then the distance to the lower case, `-` where that is no word character and `*` where
it has two characters or depends on its neighbours, then `c` for cased and `i` for case-ignorable ones, which decide how
a capital sigma is lowered.  A character in no line is no word character and has no case.
`python -m unlearn_models.text.write_letters` makes the file.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn_models.text.signs import APART, CASED, HARD, IGNORABLE

__all__ = ["APART_SIGN", "FILE", "HARD_SIGN", "UNICODE", "Letters", "Run", "letters", "runs"]

UNICODE = "14.0.0"
"""The Unicode version, part of every model's identity: with another one the same text has other features."""
FILE = "letters.txt"
APART_SIGN, HARD_SIGN = "-", "*"
_CASES = {"": 0, "c": CASED, "i": IGNORABLE}


class Run(NamedTuple):
    """Characters first..last (last included) and the file's signs for them."""

    first: int
    last: int
    offset: str
    case: str


class Letters(NamedTuple):
    """For each character, lower int32: its lower case, or APART or HARD; cases uint8: 0, CASED or IGNORABLE."""

    lower: NDArray[np.int32]
    cases: NDArray[np.uint8]


@cache
def letters() -> Letters:
    """The table, read once; all characters beyond its end are APART and have no case."""
    found = runs()
    end = found[-1].last + 1
    lower, cases = np.full(end, APART, np.int32), np.zeros(end, np.uint8)
    for first, last, offset, case in found:
        run = slice(first, last + 1)
        if offset == HARD_SIGN:
            lower[run] = HARD
        elif offset != APART_SIGN:
            lower[run] = np.arange(first, last + 1) + int(offset)
        cases[run] = _CASES[case]
    return Letters(lower, cases)


def runs() -> list[Run]:
    """The lines of `letters.txt`, in the order of the characters."""
    lines = files(__package__).joinpath(FILE).read_text("ascii").splitlines()
    return [_run(line) for line in lines if not line.startswith("#")]


def _run(line: str) -> Run:
    span, offset, *case = line.split()
    first, _, last = span.partition("..")
    return Run(int(first, 16), int(last or first, 16), offset, "".join(case))

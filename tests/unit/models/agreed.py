"""The characters of which this Python, and so scikit-learn under it, says what the table of letters says."""

from __future__ import annotations

import sys
from functools import cache

from unlearn_models.text.letters import APART_SIGN, runs
from unlearn_models.text.write_letters import kind


@cache
def agreed() -> str:
    """Under a Python that knows the table's version of Unicode these are all characters."""
    said = {code: (run.offset, run.case) for run in runs() for code in range(run.first, run.last + 1)}
    others = (APART_SIGN, "")
    letters = map(chr, range(sys.maxunicode + 1))
    return "".join(letter for letter in letters if kind(letter) == said.get(ord(letter), others))

"""How a data file is written: what is told about it, where the file doesn't say so itself."""

from __future__ import annotations

from dataclasses import dataclass

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}


@dataclass(frozen=True, slots=True)
class Form:
    """What was told of a file's form; None: it is found out from the file.

    encoding: Python's name of it; separator: one character; header: whether line 1 names the columns; quotes: whether
    quotes enclose cells; missing: cells that mean no value, beside the usual ones; skip_bad: lines that can't be read
    are left out and counted, instead of ending the run.
    """

    encoding: str | None = None
    separator: str | None = None
    header: bool | None = None
    quotes: bool | None = None
    missing: tuple[str, ...] = ()
    skip_bad: bool = False


AS_FOUND = Form()

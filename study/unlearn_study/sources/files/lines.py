"""Files as lines of text; every error names the file and the line."""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TextIO

from unlearn_study.errors import BadData
from unlearn_study.sources.files.form import AS_FOUND, Form
from unlearn_study.sources.files.opened import DAMAGED, opened, plain_name

__all__ = ["Source", "whole"]

_UNDECODED = re.compile("[\udc80-\udcff]")
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_LOOKED_AT = 1024
_NO_LETTERS = dict.fromkeys((0, *codecs.BOM_UTF8, *codecs.BOM_UTF16))
"""The bytes of byte order marks and the zeros of UTF-16, to be dropped from a file's beginning read as Latin-1."""


class Source:
    """One data file; a bad line raises BadData, or is counted in `left_out` if the form says skip_bad."""

    def __init__(self, path: Path, form: Form = AS_FOUND, left_out: Counter[str] | None = None) -> None:
        self.path, self.form = path, form
        self.left_out: Counter[str] = Counter() if left_out is None else left_out
        self.name = plain_name(path)
        if form.encoding is not None:
            try:
                codecs.lookup(form.encoding)
            except LookupError:
                raise BadData(
                    f"there is no encoding {form.encoding!r}; usual ones are utf-8, latin-1, utf-16"
                ) from None

    def bad(self, number: int, what: str, kind: str | None = None) -> None:
        """Raises BadData that names the line; if the form says skip_bad, the line is counted by kind instead."""
        if not self.form.skip_bad:
            raise BadData(f"{self.path}, line {number}: {what}")
        self.left_out[f"bad line: {kind or what}"] += 1

    def refused(self, number: int, what: str) -> BadData:
        """The error to raise for the whole file, with the line where it was seen."""
        return BadData(f"{self.path}, line {number}: {what}")

    def lines(self) -> Iterator[tuple[int, str]]:
        """Lines with their numbers from 1, line ends kept.  Raises BadData, also while reading."""
        number = 0
        try:
            with opened(self.path) as file, self._decoded(file) as text:
                for number, line in enumerate(text, 1):
                    if not line.isascii() and _UNDECODED.search(line):
                        self.bad(number, f"not {self._said()}; name what it is with --encoding, as latin-1")
                    else:
                        yield number, line
        except FileNotFoundError:
            raise BadData(f"{self.path}: there is no such file") from None
        except UnicodeError:
            raise self.refused(number + 1, f"not {self._said()}; name what it is with --encoding") from None
        except DAMAGED:
            raise self.refused(number + 1, "the compressed file is damaged or cut short") from None
        except OSError as error:
            raise BadData(f"{self.path}: {error.strerror or error}") from None

    def first_character(self) -> str:
        """The first character that is no blank, or an empty text.  Raises BadData."""
        try:
            with opened(self.path) as file:
                head: bytes = file.peek(_LOOKED_AT)[:_LOOKED_AT]  # type: ignore[attr-defined]  # all that `opened` gives have it
        except FileNotFoundError:
            raise BadData(f"{self.path}: there is no such file") from None
        except DAMAGED:
            raise self.refused(1, "the compressed file is damaged or cut short") from None
        except OSError as error:
            raise BadData(f"{self.path}: {error.strerror or error}") from None
        return head.decode("latin-1").translate(_NO_LETTERS).strip()[:1]

    def _decoded(self, file: IO[bytes]) -> TextIO:
        head = file.peek(_LOOKED_AT)[:_LOOKED_AT]  # type: ignore[attr-defined]  # all that `opened` gives have it
        encoding = self.form.encoding or next(
            (name for mark, name in _MARKS.items() if head.startswith(mark)), "utf-8-sig"
        )
        wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
        if b"\0" in head and not wide:
            raise BadData(f"{self.path}: it holds zero bytes, so it is no text; or name it with --encoding utf-16")
        errors = "strict" if wide else "surrogateescape"
        return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")

    def _said(self) -> str:
        return self.form.encoding or "UTF-8"


def whole(lines: Iterator[tuple[int, str]], first: str) -> str:
    """The first line and all that follow as one text."""
    return "".join(chain([first], (line for _, line in lines)))

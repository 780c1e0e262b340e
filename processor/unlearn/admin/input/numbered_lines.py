"""Lines that are to be sent, each with its number in the input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["BadLine", "NumberedLines", "numbered"]


class BadLine(NamedTuple):
    """In the place of a line that is known to be none, for this reason, which quotes nothing of it."""

    reason: str


class NumberedLines(NamedTuple):
    """Lines and their numbers, which rise, from 1; some may lack."""

    numbers: Sequence[int]
    lines: Sequence[bytes | BadLine]


def numbered(chunks: Iterable[list[bytes]]) -> Iterator[NumberedLines]:
    """The lines of an input that are taken as they are."""
    number = 1
    for chunk in chunks:
        yield NumberedLines(range(number, number + len(chunk)), chunk)
        number += len(chunk)

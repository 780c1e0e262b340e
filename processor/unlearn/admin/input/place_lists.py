"""Places of possible deletions, as operators write them, and as lists of them are printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from unlearn.admin.input.csv_rows import decoded
from unlearn.admin.input.lines import MAX_LINE, read_lines
from unlearn.errors import InputInvalid
from unlearn.operator_requests.places import Places

__all__ = ["read_place", "read_places"]

_FORM = "write PARTITION/OFFSET, such as 0/1234, or PARTITION/FROM..TO"
_LONGEST = 18
"""Digits that an offset may have; Python refuses to read very long numbers."""
_SHOWN = 80
"""Letters of a bad line that are quoted."""


def read_place(given: str) -> Places:
    """The places in a text PARTITION/OFFSET or PARTITION/FROM..TO. Raises InputInvalid where it isn't one."""
    first, dots, last = given.partition("..")
    partition, offset = _place(first, given)
    if not dots:
        return Places(partition, offset, offset)
    other, end = _place(last if "/" in last else f"{partition}/{last}", given)
    if other != partition or end < offset:
        raise InputInvalid(f"{_quoted(given)} is no range within a partition: {_FORM}")
    return Places(partition, offset, end)


def read_places(source: BinaryIO) -> Iterator[tuple[int, Places]]:
    """The places of a list, each with the number of its line; empty lines are passed over.

    A line is a place or a range, or JSON: a row of `unlearn resolve --json` or of `unlearn pending --json`, or a dead
    letter. Those mean what is open for their reason alone. Raises InputInvalid, which names the line.
    """
    for number, line in enumerate(read_lines(source), 1):
        if text := decoded(line, number).strip():
            try:
                yield number, _of_line(text)
            except InputInvalid as error:
                raise InputInvalid(f"line {number}: {error}") from None


def _of_line(text: str) -> Places:
    if len(text) > MAX_LINE:
        raise InputInvalid(f"more than {MAX_LINE} bytes in a line")
    if not text.startswith("{"):
        return read_place(text)
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        raise InputInvalid(f"{_quoted(text)} is not JSON") from None
    return _of_row(row)


def _of_row(row: Mapping[str, Any]) -> Places:
    """The places of a JSON row, which has `place`, or `partition` and `offset`, and its reason."""
    reason = row.get("reason", row.get("why"))
    if not isinstance(reason, str):
        raise InputInvalid('the row has no "reason" and no "why"; give rows as `unlearn resolve --json` prints them')
    place = row.get("place")
    if isinstance(place, str):
        return read_place(place)._replace(reason=reason)
    partition, first, last = (row.get(name) for name in ("partition", "offset", "last"))
    last = first if last is None else last
    if all(type(number) is int for number in (partition, first, last)):
        return read_place(f"{partition}/{first}..{last}")._replace(reason=reason)
    raise InputInvalid('the row has no "place", nor numbers as "partition" and "offset"')


def _place(text: str, given: str) -> tuple[int, int]:
    partition, _, offset = text.partition("/")
    if not all(part.isascii() and part.isdecimal() and len(part) <= _LONGEST for part in (partition, offset)):
        raise InputInvalid(f"{_quoted(given)} is no place: {_FORM}")
    return int(partition), int(offset)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")

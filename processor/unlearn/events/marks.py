"""The marks that events bear which were forwarded or copied: where each stood first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from unlearn.events.event import ORIGIN

__all__ = ["Origin", "read_marks"]

_MARK = re.compile(rb"([^/]{1,256})/([0-9]{1,6})/([0-9]{1,16})/(-?[0-9]{1,19})/[0-9a-f]{32}")
_MOST_MARKS = 8


class Origin(NamedTuple):
    """Where an event that was forwarded or copied stood first; timestamp in ms since 1970."""

    model: str
    partition: int
    offset: int
    timestamp: int


def read_marks(headers: Iterable[tuple[str, bytes | None]]) -> list[Origin]:
    """The origins that the headers claim for any model, at most the first few. They aren't proved: only the log can
    show whether they are true."""
    values = (value for name, value in headers if name == ORIGIN and value)
    found = (match for value in values if (match := _MARK.fullmatch(value)))
    return [Origin(m[1].decode(errors="replace"), int(m[2]), int(m[3]), int(m[4])) for m in islice(found, _MOST_MARKS)]

"""Headers that bear on nothing, such as a trace's id: a record with no others is read as one without headers.

What a header's name may say is for `other_words` to tell, once for each name; the names are then looked for by a
compiled loop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn.events.event import ORIGIN
from unlearn.events.possible_deletions.other_words import is_silent
from unlearn.kernels.header_names import only_named
from unlearn.log.columns import RecordColumns

__all__ = ["SilentHeaders"]

_MOST = 64
"""Names that are remembered at most; with further ones all others are forgotten, and met again if they still come."""
_LOOKED_AT = 16
"""Records of a batch at most whose names are looked at, to remember them."""


class SilentHeaders:
    """Which records have no header that bears on what they are. It remembers the names that it has met."""

    def __init__(self) -> None:
        self._names: dict[bytes, None] = {}
        self._bytes, self._ends = np.zeros(0, np.uint8), np.zeros(0, np.int64)

    def of(self, records: RecordColumns) -> NDArray[np.bool_]:
        """Of each record (n,) bool, whether none of its headers can say anything; those with unknown names may lack."""
        found = self._found(records)
        if found.all():
            return found
        return self._found(records) if self._remember(records, np.flatnonzero(~found)[:_LOOKED_AT]) else found

    def _found(self, records: RecordColumns) -> NDArray[np.bool_]:
        found = np.zeros(len(records), np.bool_)
        only_named(records.data, records.headers, self._bytes, self._ends, found)
        return found

    def _remember(self, records: RecordColumns, which: NDArray[np.intp]) -> bool:
        """Whether the records have names that say nothing and weren't known."""
        names = {name for record in records.records(which) for name, _ in record.headers}
        silent = {name.encode() for name in names if name != ORIGIN and is_silent(name)}
        fresh = silent - self._names.keys()
        fit = len(self._names) + len(fresh) <= _MOST
        self._names = dict.fromkeys(sorted(self._names.keys() | fresh if fit else silent)[:_MOST])
        self._bytes = np.frombuffer(b"".join(self._names), np.uint8)
        self._ends = np.cumsum([len(name) for name in self._names], dtype=np.int64)
        return bool(fresh)

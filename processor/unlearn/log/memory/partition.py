"""One partition of the log inside this process."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from unlearn.log.protocol import Entry, Unreadable

__all__ = ["Partition"]


@dataclass(slots=True)
class Partition:
    """Entries in offset order; start <= every offset < end. Those of spoilt runs can't be read."""

    entries: list[Entry] = field(default_factory=list)
    start: int = 0
    end: int = 0
    spoilt: list[Unreadable] = field(default_factory=list)

    def append(self, entry: Entry) -> None:
        """Add an entry at the end."""
        self.entries.append(entry)
        self.end = entry.offset + 1

    def slice(self, start: int, stop: int, most: int) -> list[Entry]:
        """At most `most` entries, from the first at or after `start`, all before `stop`."""
        first = self._at(start)
        return self.entries[first : min(self._at(stop), first + most)]

    def truncate(self, start: int) -> None:
        """Move the log's start to `start`, and drop the entries before it."""
        del self.entries[: self._at(start)]
        self.start, self.end = start, max(self.end, start)

    def cut(self, end: int) -> None:
        """Move the log's end back to `end`, and drop the entries from there on."""
        del self.entries[self._at(end) :]
        self.end = end

    def compact(self) -> None:
        """Keep the newest entry of each key, and those without a key."""
        newest = {entry.key: entry.offset for entry in self.entries}
        self.entries = [e for e in self.entries if e.key is None or newest[e.key] == e.offset]

    def why_lost(self, position: int) -> str | None:
        """Why nothing can be read from this position; None where it is within the log."""
        if position < self.start:
            return f"position {position} is below the log's start {self.start}"
        if position > self.end:
            return f"position {position} is beyond the log's end {self.end}"
        return None

    def spoilt_from(self, offset: int) -> Unreadable | None:
        """The first run that can't be read and reaches beyond the offset; None if there is none."""
        return min((run for run in self.spoilt if run.stop > offset), default=None)

    def _at(self, offset: int) -> int:
        return bisect_left(self.entries, offset, key=lambda entry: entry.offset)

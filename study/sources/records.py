"""What a data set is before any feature is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Records:
    """Labelled records in the order of the source, either texts or the cells of a table's columns.

    labels, subjects and, where known, steps (HSpam14's column) have one entry a record; a subject is None where
    the source names none.  left_out counts what the source holds beside them, by reason.
    """

    name: str
    labels: list[str] = field(default_factory=list)
    subjects: list[str | None] = field(default_factory=list)
    texts: list[str] | None = None
    table: list[list[str]] | None = None
    steps: list[int] | None = None
    left_out: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.labels)

    def columns(self) -> Iterator[list[str]]:
        """The table's columns, one at a time."""
        for at in range(len(self.table[0]) if self.table else 0):
            yield [row[at] for row in self.table or ()]

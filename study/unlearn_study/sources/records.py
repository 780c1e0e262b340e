"""A data set before any feature is made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Records:
    """Labelled records in the order of the source, either texts or the cells of a table's columns.

    labels, subjects and, where known, steps (HSpam14's column) have one entry a record; a subject is None where the
    source names none.  titles name a table's columns.  left_out counts what the source holds beside the records, by
    reason; said are sentences on how the source was read.
    """

    name: str
    labels: list[str] = field(default_factory=list)
    subjects: list[str | None] = field(default_factory=list)
    texts: list[str] | None = None
    table: list[list[str]] | None = None
    steps: list[int] | None = None
    left_out: Counter[str] = field(default_factory=Counter)
    titles: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def columns(self) -> Iterator[list[str]]:
        """The cells of the table's columns, one column at a time."""
        for at in range(len(self.table[0]) if self.table else 0):
            yield [row[at] for row in self.table or ()]

    def say_of_subjects(self, where: str) -> None:
        """Add a sentence on where subjects were read, and how many records name none: each is a subject of its own."""
        alone = sum(subject is None for subject in self.subjects)
        whole = f"{alone:,} of {len(self):,} records name none and stand alone" if alone else "every record names one"
        self.said.append(f"whose records they are: {where}; {whole}")

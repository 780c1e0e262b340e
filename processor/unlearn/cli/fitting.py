"""Tables that cut off nothing on a narrow terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

__all__ = ["Fitting"]

_BETWEEN = 2
_LEAST = 24
"""Columns of the terminal that a text which may wrap gets at least."""


class Fitting:
    """A table where it fits; else each row as a paragraph of titles and values.

    The columns in `words` are aligned left, others right. The column `wraps` may take several lines.
    """

    def __init__(self, titles: Sequence[str], words: Sequence[str] = (), wraps: str = "") -> None:
        self._titles, self._words, self._wraps = titles, words, wraps
        self._rows: list[tuple[list[Text], str]] = []

    def add_row(self, *cells: str | Text, style: str = "") -> None:
        """Add a row, one cell a title. Texts are shown as they are, even if they look like markup."""
        self._rows.append(([cell if isinstance(cell, Text) else Text(cell) for cell in cells], style))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._need() <= options.max_width:
            yield self._table()
        else:
            yield from (self._paragraph(cells, style) for cells, style in self._rows)

    def _need(self) -> int:
        """How many columns of the terminal the table takes."""
        widths = list(map(cell_len, self._titles))
        for cells, _ in self._rows:
            widths = [max(width, cell.cell_len) for width, cell in zip(widths, cells, strict=True)]
        wraps = self._titles.index(self._wraps) if self._wraps else -1
        kept = [min(width, _LEAST) if at == wraps else width for at, width in enumerate(widths)]
        return sum(kept) + _BETWEEN * (len(kept) - 1)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for title in self._titles:
            wraps = title == self._wraps
            table.add_column(
                title, justify="left" if wraps or title in self._words else "right", no_wrap=not wraps, overflow="fold"
            )
        for cells, style in self._rows:
            table.add_row(*cells, style=style)
        return table

    def _paragraph(self, cells: Sequence[Text], style: str) -> Text:
        said = [Text.assemble(f"{title} ", cell) for title, cell in zip(self._titles, cells, strict=True) if cell.plain]
        text = Text(", ", overflow="fold").join(said)
        text.overflow = "fold"
        text.stylize_before(style)
        return text

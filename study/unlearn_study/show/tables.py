"""The tables: what deleting costs, what building and keeping costs, and how consistent it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from unlearn_study.show.reading import Figures, batches, compared, deletion, measured, refit_s, who

__all__ = ["NOT_EQUAL", "Table", "markdown", "refused", "show", "tables"]

NOT_EQUAL = "NO"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; the first column is words, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(results: Figures) -> list[Table]:
    """The tables of costs of deletions, of other costs and memory, and of consistency."""
    cells = measured(results)
    return [_deleting(cells), _keeping(cells), _consistency(cells)]


def refused(results: Figures) -> list[str]:
    """Sentences about the cells whose method could not take the data."""
    return [f"{cell['name']}: {cell['refused']}" for cell in results["cells"] if "refused" in cell]


def show(table: Table, console: Console) -> None:
    """Print a table; a row that says NOT_EQUAL is red."""
    shown = RichTable(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    shown.show_edge, shown.pad_edge, shown.collapse_padding = False, False, True
    for at, column in enumerate(table.columns):
        shown.add_column(column, justify="right" if at else "left", no_wrap=True)
    for row in table.rows:
        shown.add_row(*row, style="bold red" if NOT_EQUAL in row else None)
    console.print()
    console.print(shown)


def markdown(table: Table) -> str:
    """The table in Markdown."""
    rules = ["---", *["---:"] * (len(table.columns) - 1)]
    lines: Sequence[Sequence[str]] = [table.columns, rules, *table.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _deleting(cells: Sequence[Figures]) -> Table:
    sizes = batches(cells)
    title = "deletions: processor ms, and how many times cheaper than the naive refit beside it"
    rows = [(who(cell), _ms(refit_s(cell)), *(_beside_naive(cell, size) for size in sizes)) for cell in cells]
    return Table(title, ("method", "refit", *(f"{size:,}" for size in sizes)), rows)


def _keeping(cells: Sequence[Figures]) -> Table:
    title = "one recent deletion, building, reading out: processor ms; MiB held"
    rows: list[tuple[str, ...]] = [
        (
            who(cell),
            _costs(cell, cell["recent"]),
            _ms(cell["build_s"]["median"]),
            _ms(cell["publish_s"]["median"]),
            _mib(cell["memory_bytes"]),
            _mib(cell["memory_bytes_naive"]),
        )
        for cell in cells
    ]
    return Table(title, ("method", "1 recent", "build", "read out", "MiB", "refit MiB"), rows)


def _consistency(cells: Sequence[Figures]) -> Table:
    heads = ("accuracy", "1 model", "after", "refit", "agree", "equal", "runs")
    return Table("consistency with a retrained model", ("method", *heads), [_consistent(cell) for cell in cells])


def _beside_naive(cell: Figures, size: int) -> str:
    found = deletion(cell, size)
    return "" if found is None else _costs(cell, found)


def _costs(cell: Figures, found: Figures) -> str:
    ours = found["ours_s"]["median"]
    if cell["method"] == "naive":
        return _ms(ours)
    return f"{_ms(ours)} {_times(found['naive_s']['median'] / ours)}"


def _consistent(cell: Figures) -> tuple[str, ...]:
    done = cell["deletions"]
    return (
        who(cell),
        f"{cell['accuracy']:.4f}",
        f"{cell['accuracy_naive']:.4f}",
        f"{done[-1]['accuracy']:.4f}",
        f"{done[-1]['accuracy_retrained']:.4f}",
        _share(min(one["agreement"] for one in compared(cell))),
        "yes" if all(one["equal"] for one in compared(cell)) else NOT_EQUAL,
        str(sum(one["compared"] for one in compared(cell))),
    )


def _share(share: float) -> str:
    return "100%" if share == 1 else f"{100 * share:.2f}%"


def _ms(seconds: float) -> str:
    ms = seconds * 1000
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2g}x"


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f}"

"""A report on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable

from bench.figures import Figure, Report, Table
from bench.machine import describe

__all__ = ["show"]


def show(report: Report, console: Console) -> None:
    console.print(", ".join(f"{name} {value}" for name, value in describe().items()), style="dim", markup=False)
    for note in report.notes:
        console.print(f"- {note}", style="dim", markup=False)
    for table in report.tables:
        _table(table, console)
    _figures(report.figures, console)


def _figures(figures: list[Figure], console: Console) -> None:
    shown = RichTable(title="figures", title_justify="left")
    shown.add_column("figure", no_wrap=True)
    for column in ("ours", "peer", "ratio", "unit", "goal", "met"):
        shown.add_column(column, justify="left" if column == "unit" else "right")
    for figure in figures:
        met = "" if figure.met is None else "yes" if figure.met else "no"
        cells = (_number(figure.ours), _number(figure.peer), _number(figure.ratio), figure.unit, _number(figure.goal))
        shown.add_row(figure.name, *cells, met, style="red" if met == "no" else None)
    console.print(shown)


def _table(table: Table, console: Console) -> None:
    shown = RichTable(title=table.title, title_justify="left")
    shown.add_column(table.columns[0], no_wrap=True)
    for column in table.columns[1:]:
        shown.add_column(column, justify="right")
    for row in table.rows:
        shown.add_row(*(_number(cell) if isinstance(cell, float) else str(cell) for cell in row))
    console.print(shown)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

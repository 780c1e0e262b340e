"""Shows a run as it goes: a live panel on a terminal, a line every two seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from unlearn.demo.watching.watch import Progress

__all__ = ["Screen"]

_LIVE_EVERY, _PLAIN_EVERY = 0.25, 2.0


class Screen(AbstractContextManager["Screen"]):
    """Shows what is being done. `progress` is only called for when it is time to show it."""

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total = console, total
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._next = 0.0
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, doing: str, progress: Callable[[], Progress], *, last: bool = False) -> None:
        """Show what is being done and how far it is, if it is time to, or `last`."""
        now = time.monotonic()
        if now < self._next and not last:
            return
        self._next = now + (_LIVE_EVERY if self._live else _PLAIN_EVERY)
        if self._live:
            self._live.update(self._panel(doing, progress()), refresh=True)
        else:
            self._console.print(self._line(doing, progress()), soft_wrap=True, markup=False)

    def _line(self, doing: str, now: Progress) -> str:
        cells = [f"{name} {value}" for name, value in _cells(now, self._total)]
        return f"  {time.monotonic() - self._start:5.1f} s  {doing}: {', '.join(cells)}"

    def _panel(self, doing: str, now: Progress) -> Table:
        outer = Table.grid(padding=(0, 2))
        outer.add_row(f"  [bold]{escape(doing)}[/]", ProgressBar(self._total, now.sent, width=40))
        for name, value in _cells(now, self._total):
            outer.add_row(f"  [dim]{name}[/]", value)
        return outer


def _cells(now: Progress, total: int) -> list[tuple[str, str]]:
    cells = [
        ("events", f"{now.sent:,}/{total:,} sent"),
        ("applied", f"{now.applied:,}"),
        ("records", f"{now.records:,}"),
        ("version", "none" if now.version is None else f"{now.version:,}"),
        ("pending deletions", f"{now.pending:,}"),
    ]
    if now.accuracy is not None:
        cells.append(("accuracy", f"{now.accuracy:.1%}"))
    return cells

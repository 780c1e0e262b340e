"""How far a measurement is, on a terminal."""

from __future__ import annotations

from rich.progress import Progress

__all__ = ["Ticker"]


class Ticker:
    """Called with what comes, once for each of `phases` phases. `part` shows how far a long one is."""

    def __init__(self, progress: Progress, phases: int) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=phases + 1)
        self._part = progress.add_task("", visible=False)

    def __call__(self, phase: str) -> None:
        self._progress.update(self._task, advance=1, description=phase)
        self._progress.update(self._part, visible=False)

    def part(self, what: str, done: int, total: int) -> None:
        """So much of `total` is done."""
        self._progress.update(self._part, completed=done, total=total, description=what, visible=True)

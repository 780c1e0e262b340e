"""Which extras the commands need: a command says so before it does anything."""

from __future__ import annotations

from collections.abc import Mapping

from unlearn.extras import require

__all__ = ["NEEDS", "check_needs"]

NEEDS: Mapping[str, tuple[str, ...]] = {
    "services": ("local",),
    "drop": ("ops",),
    "work": ("worker",),
    "gateway": ("gateway",),
    "serve": ("serve",),
    "status": ("ops",),
    "pending": ("ops",),
    "preview": ("ops",),
    "record": ("ops",),
    "answer": ("ops",),
    "resolve": ("ops",),
    "retry": ("ops",),
    "quiet": ("ops",),
    "resume": ("ops",),
    "console": ("console",),
    "verify": ("worker",),
    "demo": ("worker", "local", "study"),
    "simulate": ("worker", "local"),
    "study": ("worker", "study"),
}
"""Command -> the extras that it can do nothing without."""


def check_needs(command: str) -> None:
    """Raises ExtraMissing where an extra that the command needs isn't installed. `command` is without the program's
    name, and may name a subcommand."""
    require(f"unlearn {command}", *NEEDS.get(command.partition(" ")[0], ()))

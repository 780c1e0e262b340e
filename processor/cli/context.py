"""What the subcommands share: the settings, and where to print."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from processor.settings import Settings


def settings(ctx: click.Context, *, demo: bool = False) -> Settings:
    """The settings in force, with `--config` if it was given. Raises SettingsError.

    `demo` is for the demo and for commands that use no secret.
    """
    from processor.settings import load_settings

    return load_settings(config(ctx), demo=demo)


def config(ctx: click.Context) -> Path | None:
    """The file of `--config`."""
    found = ctx.find_root().obj
    return found if isinstance(found, Path) else None


def console(*, stderr: bool = False) -> Console:
    """A rich console, which honours NO_COLOR; numbers and paths in what it prints keep their colour."""
    return Console(stderr=stderr, highlight=False)

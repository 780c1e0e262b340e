"""What the subcommands share: the settings, and where to print."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from unlearn.environment.user_folders import EARLIER, state_home
from unlearn.settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def settings(ctx: click.Context, *, demo: bool = False) -> Settings:
    """The settings in force, with `--config` if it was given. Raises SettingsError.

    `demo` is for the demo and for commands that use no secret.
    """
    from unlearn.settings import load_settings

    return load_settings(config(ctx), demo=demo).named(_part(ctx))


def settings_to_follow(ctx: click.Context) -> tuple[Settings, frozenset[str]]:
    """For commands that follow a model and need no secret: the settings, and which of them were given by hand.

    Raises SettingsError.
    """
    from unlearn.settings_sources import load

    loaded = load(config(ctx), demo=True)
    tell_earlier(loaded.settings)
    return loaded.settings.named(_part(ctx)), frozenset(path.split(".")[0] for path in loaded.origins)


def _part(ctx: click.Context) -> str:
    """The command, as Kafka and Redis are told who connects: `work`, or `topics-create`."""
    return "-".join(ctx.command_path.split()[1:])


def tell_earlier(settings: Settings) -> None:
    """Tell the user, on the standard error, if the folder of services is `.services` of an earlier release.

    For commands that use this folder or the store.
    """
    earlier = EARLIER.absolute()
    if settings.services_dir == earlier:
        click.echo(
            f"note: {earlier} is used, as it is there from before; keep it from every folder by "
            f"UNLEARN_SERVICES_DIR={earlier} (the default is {state_home()} now)",
            err=True,
        )


def config(ctx: click.Context) -> Path | None:
    """The file of `--config`, else that of UNLEARN_CONFIG."""
    from unlearn.settings_sources import named_file

    found = ctx.find_root().obj
    return found if isinstance(found, Path) else named_file()


def console(*, stderr: bool = False) -> Console:
    """A rich console, which honours NO_COLOR.

    It prints text as it is, without colouring numbers or turning :words: into signs.
    """
    return Console(stderr=stderr, highlight=False, emoji=False)


def progress(*columns: ProgressColumn) -> Progress:
    """A bar on the error stream that goes when it is done; nothing where that is no terminal."""
    from rich.progress import Progress

    shown = console(stderr=True)
    return Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal)


@contextmanager
def reading() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for what is being read: what is yielded takes what it is, how much of it is done, and the total."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress(*columns) as bars:
        task = bars.add_task("reading", total=None)
        yield lambda what, done, total: bars.update(task, description=what, completed=done, total=total)


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON text that the standard output can encode: with escapes unless its encoding is a form of Unicode."""
    return json.dumps(value, indent=indent, ensure_ascii=not sys.stdout.encoding.lower().startswith("utf"))


def printable(text: str) -> str:
    """The text without characters that would control a terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)

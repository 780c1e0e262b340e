"""The options of commands that go on and log: how much, and in which form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from unlearn.environment.variables import LOG_FORMAT, LOG_LEVEL

__all__ = ["log_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def log_options(command: _Command) -> _Command:
    """Adds `--log-level` and `--log-format`, which variables may say too."""
    level = click.option(
        "--log-level",
        default="INFO",
        envvar=LOG_LEVEL,
        show_default=True,
        show_envvar=True,
        type=click.Choice(["DEBUG", "INFO", "WARNING"], case_sensitive=False),
    )
    form = click.option(
        "--log-format",
        default="auto",
        envvar=LOG_FORMAT,
        show_default=True,
        show_envvar=True,
        type=click.Choice(["auto", "text", "json"]),
        help="auto: text on a terminal, JSON otherwise.",
    )
    return level(form(command))

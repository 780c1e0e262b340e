"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from unlearn.environment.variables import LOG_FORMAT, LOG_LEVEL

__all__ = ["log_options", "wait_option"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def log_options(command: _Command) -> _Command:
    """Adds `--log-level` and `--log-format`, which variables may say too, to a command that goes on and logs."""
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


def wait_option(command: _Command) -> _Command:
    """Adds `--wait`, of commands that answer by the version in force."""
    return click.option(
        "--wait",
        type=click.FloatRange(min=0),
        default=10.0,
        show_default=True,
        help="Seconds to wait until every partition covers the log's end, and a shard is trained.",
    )(command)

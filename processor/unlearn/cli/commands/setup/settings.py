"""`unlearn settings`: the values in force, and where each came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from typing import Any, NamedTuple

import click
from pydantic import BeforeValidator, SecretStr
from pydantic.fields import FieldInfo
from rich import box
from rich.markup import escape
from rich.table import Table

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.durations import format_duration, parse_duration
from unlearn.settings import Settings
from unlearn.settings_sources import Loaded, fields, load, variable

HIDDEN = "***"


class Row(NamedTuple):
    """One setting as it is shown; `value` is JSON, None where it isn't set."""

    path: str
    value: Any
    origin: str
    default: Any
    description: str


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="One JSON object by name.")
@click.option("--markdown", is_flag=True, help="The table of all settings and defaults, for docs/settings.md.")
@click.pass_context
def command(ctx: click.Context, as_json: bool, markdown: bool) -> None:
    """Show the settings in force, and where each came from.

    Secrets are hidden.

    \b
    Examples:
      unlearn settings
      unlearn --config spam.toml settings --json
    """
    rows = list(rows_of(load(context.config(ctx), demo=True)))
    if markdown:
        click.echo(_markdown(rows))
    elif as_json:
        shown = {row.path: {"value": row.value, "from": row.origin} for row in rows}
        click.echo(context.to_json(shown, indent=2))
    else:
        context.console().print(_table(rows))


def rows_of(loaded: Loaded) -> Iterator[Row]:
    """A row for each setting, in the order of their definition."""
    for path, field in fields():
        origin = loaded.origins.get(path, "default")
        missing = path == "secret" and origin == "default"
        value = None if missing else _shown(path, field, loaded.settings)
        yield Row(path, value, origin, _default(field), field.description or "")


def _shown(path: str, field: FieldInfo, settings: Settings) -> Any:
    if path == "redis.url":
        return settings.redis.shown_url()
    value: Any = reduce(getattr, path.split("."), settings)
    return _plain(value, field)


def _default(field: FieldInfo) -> Any:
    default = None if field.is_required() or field.default_factory else field.default
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    return _plain(default, field)


def _plain(value: Any, field: FieldInfo) -> Any:
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, float) and _is_duration(field):
        return format_duration(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return list(value) if isinstance(value, tuple) else str(value)


def _is_duration(field: FieldInfo) -> bool:
    return any(isinstance(part, BeforeValidator) and part.func is parse_duration for part in field.metadata)


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table(rows: list[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for title in ("setting", "value", "from"):
        table.add_column(title, overflow="fold")
    for row in rows:
        style = None if row.origin == "default" else "bold"
        table.add_row(variable(row.path), escape(_text(row.value)), row.origin, style=style)
    return table


def _markdown(rows: list[Row]) -> str:
    lines = ["| variable | default | what it is |", "|---|---|---|"]
    for row in rows:
        default = "" if row.default is None else f"`{_text(row.default)}`"
        description = row.description.replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| `{variable(row.path)}` | {default} | {description} |")
    return "\n".join(lines)

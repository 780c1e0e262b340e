"""Commands whose help ends with their exit codes, and that say first which extra they lack."""

from __future__ import annotations

from typing import Any

import click

from unlearn.cli.exits import COMMON, codes_of
from unlearn.cli.needs import check_needs

__all__ = ["Command", "Group"]


class Command(click.Command):
    """A command whose help ends with its exit codes, as in the table of `exits`.

    What needs an extra that isn't installed, as in the table of `needs`, raises ExtraMissing when it is called.
    """

    def invoke(self, ctx: click.Context) -> Any:
        check_needs(ctx.command_path.partition(" ")[2])
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own = codes_of(ctx.command_path.partition(" ")[2])
        _write([(str(code), text) for code, text in (own or {0: COMMON[0]}).items()], formatter)


class Group(click.Group):
    """A group of commands whose help ends with all their exit codes."""

    command_class = Command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        prefix = ctx.command_path.partition(" ")[2]
        named = [(name, codes_of(f"{prefix} {name}")) for name in self.list_commands(ctx)]
        rows = [(str(code), f"{name}: {text}") for name, codes in named for code, text in codes.items() if code]
        _write([("0", COMMON[0]), *rows], formatter)


def _write(rows: list[tuple[str, str]], formatter: click.HelpFormatter) -> None:
    with formatter.section("Exit codes"):
        formatter.write_dl([*rows, ("else", "see `unlearn --help`")])

"""Writes the generated tables into README.md between their markers: `python docs/readme_tables.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.testing import CliRunner

from processor.cli.exits import COMMON, OF_COMMANDS
from processor.cli.main import COMMANDS, cli

README = Path(__file__).resolve().parent.parent / "README.md"


def with_tables(text: str) -> str:
    """The README's text with every generated table as it is now."""
    settings = CliRunner().invoke(cli, ["settings", "--markdown"], catch_exceptions=False).stdout.strip()
    for name, table in (("settings", settings), ("commands", _commands()), ("exit codes", _common())):
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = f"{before}{mark}{table}\n{rest[rest.index(f'<!-- /{name} -->') :]}"
    return text


def _commands() -> str:
    return "\n".join(["| command | for | exit codes of its own |", "|---|---|---|", *map(_row, COMMANDS)])


def _row(name: str) -> str:
    root = click.Context(cli, info_name="unlearn")
    command = cli.get_command(root, name)
    assert command is not None
    ctx = click.Context(command, info_name=name, parent=root)
    if isinstance(command, click.Group):
        subs = command.list_commands(ctx)
        usage = "\\|".join(subs)
        codes = [f"`{sub}`: {text}" for sub in subs if (text := _codes(f"{name} {sub}"))]
    else:
        usage = " ".join(piece for piece in command.collect_usage_pieces(ctx) if piece != "[OPTIONS]")
        usage, codes = usage.replace("|", "\\|"), [_codes(name)]
    cells = (f"`unlearn {f'{name} {usage}'.strip()}`", command.get_short_help_str(200), "; ".join(filter(None, codes)))
    return f"| {' | '.join(cells)} |"


def _codes(name: str) -> str:
    return "; ".join(f"{code} {meaning}" for code, meaning in OF_COMMANDS.get(name, {}).items())


def _common() -> str:
    rows = [f"| {code} | {text} |" for code, text in COMMON.items()]
    return "\n".join(["| exit code | meaning |", "|---:|---|", *rows])


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
    sys.exit(0)

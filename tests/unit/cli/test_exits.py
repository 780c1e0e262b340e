"""Exit codes: one table, which the helps show and the errors keep to."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from unlearn.cli.exits import COMMON, OF_COMMANDS
from unlearn.cli.main import COMMANDS, cli
from unlearn.errors import DemoFailed, UnlearnError

ROOT = click.Context(cli, info_name="unlearn")


def _leaves() -> Iterator[tuple[str, click.Command, click.Context]]:
    """Each command that does something, with its name and context."""
    for name in COMMANDS:
        command = cli.get_command(ROOT, name)
        assert command is not None
        ctx = click.Context(command, info_name=name, parent=ROOT)
        if isinstance(command, click.Group):
            for sub, leaf in command.commands.items():
                yield f"{name} {sub}", leaf, click.Context(leaf, info_name=sub, parent=ctx)
        else:
            yield name, command, ctx


LEAVES = {name: (command, ctx) for name, command, ctx in _leaves()}


def _listed(help_text: str) -> set[int]:
    """The codes in a help's list of exit codes."""
    return set(map(int, re.findall(r"(?m)^ +(\d+)  ", help_text.partition("Exit codes:")[2])))


@pytest.mark.parametrize("name", LEAVES)
def test_each_help_lists_the_command_s_own_codes_of_the_table_once(name: str) -> None:
    command, ctx = LEAVES[name]
    text = command.get_help(ctx)

    assert text.lower().count("exit code") == 1
    assert _listed(text) == set(OF_COMMANDS.get(name) or {0})
    assert "unlearn --help" in text


def test_the_main_help_lists_the_common_codes() -> None:
    assert _listed(cli.get_help(ROOT)) == set(COMMON)


def test_the_table_names_commands_that_exist() -> None:
    assert set(OF_COMMANDS) - set(LEAVES) == set()


def _errors(kind: type[UnlearnError]) -> Iterator[type[UnlearnError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _errors(below)


@pytest.mark.parametrize("error", list(_errors(UnlearnError)))
def test_every_error_s_code_has_its_meaning_in_the_table(error: type[UnlearnError]) -> None:
    assert error.exit_code in {**COMMON, **(OF_COMMANDS["demo"] if error is DemoFailed else {})}


@pytest.mark.parametrize("width", [80, 200])
def test_the_list_of_commands_is_cut_nowhere(width: int) -> None:
    ctx = click.Context(cli, info_name="unlearn", terminal_width=width)

    assert "..." not in cli.get_help(ctx).partition("Commands:")[2]

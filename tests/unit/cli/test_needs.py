"""A command says that its extra is missing, in one line and with a code of the table, before it does anything."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from unlearn.cli.main import COMMANDS, cli
from unlearn.cli.needs import NEEDS
from unlearn.extras import EXTRAS

ARGUMENTS = {
    "services": ["up"],
    "drop": ["-", "out.csv"],
    "record": ["r"],
    "study": ["--data", "generated", "--out", "out"],
    "answer": ["--record", "r"],
}
"""What a command can't be called without."""
NOTHING = {"init", "settings", "topics", "send", "forget", "manifest", "score", "schemas"}
"""The commands of the base installation."""
BLOCK = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from unlearn.cli.main import main
main({arguments!r})
"""


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command where no extra is installed."""
    blocked = sorted({module for modules in EXTRAS.values() for module in modules})
    program = BLOCK.format(blocked=blocked, arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)


def test_each_command_is_of_the_base_or_names_its_extras() -> None:
    assert NEEDS.keys() | NOTHING == COMMANDS.keys()
    assert NEEDS.keys().isdisjoint(NOTHING)


@pytest.mark.parametrize("command", NEEDS)
def test_without_its_extra_a_command_ends_by_saying_so(command: str) -> None:
    ended = called(command, *ARGUMENTS.get(command, []))

    extra = NEEDS[command][0]
    assert ended.returncode == 64
    assert ended.stderr.startswith(f"error: unlearn {command}")
    assert f"needs the [{extra}] extra: pip install 'unlearn-stream[{extra}]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_extra(command: str) -> None:
    ended = called(command, "--help")

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_module_that_is_missing_all_the_same_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unlearn.cli import failures

    assert failures.end(ModuleNotFoundError("No module named 'numba'", name="numba")) == 64
    assert "[worker] extra: pip install 'unlearn-stream[worker]'" in capsys.readouterr().err
    assert failures.end(ModuleNotFoundError("No module named 'other'", name="other")) == 70


def test_all_commands_check_their_needs() -> None:
    from unlearn.cli.command import Command

    def leaves(command: click.Command) -> list[click.Command]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            found = [command.get_command(context, name) for name in command.list_commands(context)]
            return [leaf for each in found if each is not None for leaf in leaves(each)]
        return [command]

    assert [leaf.name for leaf in leaves(cli) if not isinstance(leaf, Command)] == []
    assert CliRunner().invoke(cli, ["--help"]).exit_code == 0

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
NOTHING = {"init", "settings", "topics", "send", "forget", "manifest", "versions", "diff", "score", "export", "schemas"}
"""The commands of the base installation."""
BLOCK = f"""
import sys
for name in {sorted({module for modules in EXTRAS.values() for module in modules})!r}:
    sys.modules[name] = None
"""
"""As where no extra is installed."""
HELP = """
from click.testing import CliRunner
from unlearn.cli.main import COMMANDS, cli
for name in COMMANDS:
    assert CliRunner().invoke(cli, [name, "--help"]).exit_code == 0
    print(name)
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    """A program of its own process, where no extra is installed."""
    command = [sys.executable, "-c", BLOCK + program]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_each_command_is_of_the_base_or_names_its_extras() -> None:
    assert NEEDS.keys() | NOTHING == COMMANDS.keys()
    assert NEEDS.keys().isdisjoint(NOTHING)


@pytest.mark.parametrize("command", NEEDS)
def test_without_its_extra_a_command_ends_by_saying_so(command: str) -> None:
    arguments = [command, *ARGUMENTS.get(command, [])]
    ended = run(f"from unlearn.cli.main import main; main({arguments!r})")

    extra = NEEDS[command][0]
    assert ended.returncode == 64
    assert ended.stderr.startswith(f"error: unlearn {command}")
    assert f"needs the [{extra}] extra: pip install 'unlearn-stream[{extra}]'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_help_needs_no_extra() -> None:
    ended = run(HELP)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == list(COMMANDS)


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

"""The `unlearn` command: subcommands by name, and errors as one line with an exit code."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path

import click

from unlearn.cli import ending, failures, streams
from unlearn.cli.command import Group
from unlearn.cli.exits import COMMON
from unlearn.environment.variables import TRACEBACK

# Imported when used, so that a command starts without the others' dependencies.
COMMANDS = {
    "init": "unlearn.cli.commands.setup.init:command",
    "services": "unlearn.cli.commands.setup.services:command",
    "settings": "unlearn.cli.commands.setup.settings:command",
    "topics": "unlearn.cli.commands.setup.topics:command",
    "send": "unlearn.cli.commands.senders.send:command",
    "forget": "unlearn.cli.commands.senders.forget:command",
    "drop": "unlearn.cli.commands.senders.drop:command",
    "work": "unlearn.cli.commands.operators.work:command",
    "gateway": "unlearn.cli.commands.senders.gateway:command",
    "serve": "unlearn.cli.commands.scorers.serve:command",
    "console": "unlearn.cli.commands.operators.console:command",
    "status": "unlearn.cli.commands.operators.status:command",
    "pending": "unlearn.cli.commands.operators.pending:command",
    "preview": "unlearn.cli.commands.operators.preview:command",
    "record": "unlearn.cli.commands.operators.record:command",
    "answer": "unlearn.cli.commands.operators.answer:command",
    "resolve": "unlearn.cli.commands.operators.resolve:command",
    "retry": "unlearn.cli.commands.operators.retry:command",
    "quiet": "unlearn.cli.commands.operators.quiet:command",
    "resume": "unlearn.cli.commands.operators.resume:command",
    "manifest": "unlearn.cli.commands.scorers.manifest:command",
    "versions": "unlearn.cli.commands.scorers.versions:command",
    "diff": "unlearn.cli.commands.scorers.diff:command",
    "score": "unlearn.cli.commands.scorers.score:command",
    "export": "unlearn.cli.commands.scorers.export:command",
    "verify": "unlearn.cli.commands.setup.verify:command",
    "schemas": "unlearn.cli.commands.setup.schemas:command",
    "demo": "unlearn.cli.commands.setup.demo:command",
    "simulate": "unlearn.cli.commands.setup.simulate:command",
    "study": "unlearn.cli.commands.setup.study:command",
}


class LazyGroup(Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, target in COMMANDS.items() if importlib.util.find_spec(target.partition(":")[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            rows = [(str(code), meaning) for code, meaning in COMMON.items()]
            formatter.write_dl([*rows, ("else", "see the command's own help")])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of settings, instead of the one that UNLEARN_CONFIG names; UNLEARN_* variables beat it.",
)
@click.option("--traceback", is_flag=True, help="Show where an unforeseen error arose, as with UNLEARN_TRACEBACK=1.")
@click.version_option(package_name="unlearn-stream")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, traceback: bool) -> None:
    """Keep models in step with a log of inserts and deletions.

    \b
    Examples:
      unlearn --config m.toml init m   make a file of settings, with a secret
      unlearn services up              start Kafka and Redis on this machine
      unlearn demo                     run the whole path on generated events
      unlearn settings                 show the settings and where each came from
      unlearn --config spam.toml work  run a worker
    """
    ctx.obj = config
    if traceback:
        os.environ[TRACEBACK] = "1"


def main(arguments: list[str] | None = None) -> None:
    """Run the command, and exit with a code of the table. What went wrong is said in one line."""
    streams.take_over()
    with ending.heeded():
        try:
            code = cli.main(arguments, prog_name="unlearn", standalone_mode=False)
            streams.finish()
        except BaseException as error:  # noqa: BLE001  nothing leaves here but by an exit code
            code = failures.end(error)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()

"""`unlearn resume`: quiet workers take events again."""

from __future__ import annotations

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.requests import tell_workers, wait_option


@click.command(cls=Command)
@click.argument("workers", nargs=-1, metavar="[WORKER]...")
@wait_option
@click.pass_context
def command(ctx: click.Context, workers: tuple[str, ...], wait: float) -> int:
    """Have quiet workers take events again, all or those named.

    \b
    Examples:
      unlearn resume
      unlearn resume worker-0.mail:17
    """
    return tell_workers(context.settings(ctx, demo=True), workers, wait, be_quiet=False)

"""`unlearn quiet`: workers take no more events."""

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
    """Have workers take no more events, until they are resumed.

    All of them, or those named.

    A worker is named as `unlearn status` shows it, by its host and process. It finishes what is under way: what is
    applied goes on being trained, hidden and published, and it keeps its partitions, whose events wait. A worker that
    is started anew takes events.

    \b
    Examples:
      unlearn quiet worker-0.mail:17
      unlearn quiet
    """
    return tell_workers(context.settings(ctx, demo=True), workers, wait, be_quiet=True)

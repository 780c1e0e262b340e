"""`unlearn verify`: published states against a training from empty."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_log, open_redis
from unlearn.settings import Settings
from unlearn.verification.report import Progress, Report, ShardVerdict

_STYLES = {"equal": "green", "different": "bold red", "pending": "yellow", "incomparable": "magenta"}


@click.command(cls=Command)
@click.option("--from-log", is_flag=True, help="Use nothing but the events topic, and no code of the worker's.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="With --from-log: so many partitions at once, where there is much to read.  [default: one a CPU]",
)
@click.pass_context
def command(ctx: click.Context, from_log: bool, as_json: bool, processes: int | None) -> int:
    """Train every shard again and compare with what is published.

    Without --from-log the rows come from the store.

    \b
    Examples:
      unlearn verify
      unlearn verify --from-log --json
      unlearn verify --from-log --processes 4
    """
    settings = context.settings(ctx)
    context.tell_earlier(settings)
    with _bars(context.console(stderr=True)) as progress:
        if from_log:
            report = _from_log(settings, progress, processes or os.cpu_count() or 1)
        else:
            report = _from_store(settings, progress)
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2))
    else:
        show(report, context.console())
    return report.exit_code


def show(report: Report, console: Console) -> None:
    """A table of the shards, and a line that sums it up."""
    table = Table("partition", "shard", "verdict", "through", "applied", "rows", "digest", "why", box=None)
    for shard in report.shards:
        table.add_row(*_cells(shard), style=_STYLES[shard.verdict] if shard.verdict != "equal" else "")
    console.print(table)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in report.counts.items()) or "nothing published"
    version = "none" if report.version is None else str(report.version)
    console.print(
        f"{report.verdict}: {counts} of {len(report.shards)} shards, version {version}",
        style=_STYLES[report.verdict],
    )


def _cells(shard: ShardVerdict) -> list[str]:
    numbers = ["-" if number is None else str(number) for number in (shard.through, shard.applied, shard.rows)]
    digest = (shard.digest or "-")[:12]
    return [str(shard.partition), str(shard.shard), shard.verdict, *numbers, digest, shard.reason]


def _from_log(settings: Settings, progress: Progress, processes: int) -> Report:
    from unlearn.verification.in_processes import verify_log_in_processes

    return verify_log_in_processes(settings, progress, processes)


def _from_store(settings: Settings, progress: Progress) -> Report:
    from unlearn.learners import learner_of
    from unlearn.storage.artefacts import open_store
    from unlearn.verification.from_store import verify_store
    from unlearn.worker.lifecycle import states

    with open_redis(settings) as client, open_log(settings) as log:
        return verify_store(
            settings,
            log,
            states(client, settings.model),
            open_store(settings.store, settings.model),
            learner_of(settings),
            progress,
        )


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield progress

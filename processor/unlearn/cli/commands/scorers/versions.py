"""`unlearn versions`: the versions that were published, and what each learned and forgot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_log
from unlearn.cli.fitting import Fitting
from unlearn.errors import InputInvalid

if TYPE_CHECKING:
    from unlearn.admin.versions.report import VersionTold
    from unlearn.settings import Settings

_TITLES = ("version", "time", "part", "applied", "rows", "learned", "forgot", "replaced", "owner", "standing")
_STYLES = {"in force": "green", "not leased": "bold red", "owner replaced": "yellow"}


@click.command(cls=Command)
@click.option("--partition", type=click.IntRange(min=0), multiple=True, help="Only this partition; may be repeated.")
@click.option("--last", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0: all.")
@click.option("--no-counts", is_flag=True, help="Don't read the log: what was learned and forgotten stays unknown.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line; `unlearn schemas` has its schema.")
@click.pass_context
def command(ctx: click.Context, partition: tuple[int, ...], last: int, no_counts: bool, as_json: bool) -> None:
    """List the versions that were published, the newest last.

    A version is a partition's manifest, called by its offset on the results topic. Versions in which no shard has
    changed aren't listed. Rows learned and forgotten since the version before are counted by the events topic, which is
    read from its start. What isn't known is said. No worker need run, and Redis isn't asked.

    \b
    Examples:
      unlearn versions
      unlearn versions --partition 0 --last 5 --json | jq .forgotten
    """
    settings = context.settings(ctx)
    beyond = [each for each in partition if each >= settings.partitions]
    if beyond:
        raise InputInvalid(f"there is no partition {beyond[0]}: the model has {settings.partitions}")
    notes: list[str] = []
    told = _told(settings, sorted(set(partition)) or range(settings.partitions), last, not no_counts, notes)
    if as_json:
        for one in told:
            click.echo(context.to_json(one.model_dump(mode="json")))
    else:
        _show(told, settings.model)
    for note in notes:
        click.echo(f"note: {context.printable(note)}", err=True)


def _told(
    settings: Settings, partitions: Sequence[int], last: int, counts: bool, notes: list[str]
) -> list[VersionTold]:
    from unlearn.admin.versions.listing import Lister
    from unlearn.admin.versions.source import Source

    with open_log(settings) as log, context.reading() as progress:
        return Lister(Source(settings, log, progress, notes.append), counts=counts).last(last, partitions)


def _show(told: Sequence[VersionTold], model: str) -> None:
    table = Fitting(_TITLES, words=("time", "standing"))
    for one in told:
        if one.before is not None and not one.follows:
            table.add_row("?", "", str(one.partition), *[""] * 6, f"others may lie behind {one.before}", style="yellow")
        table.add_row(*_cells(one), style=_STYLES.get(one.standing, ""))
    if told:
        context.console().print(table)
    else:
        click.echo(f"model {model}: no version is known")
    for reason in dict.fromkeys(one.unknown for one in told if one.unknown):
        versions = ", ".join(str(one.version) for one in told if one.unknown == reason)
        click.echo(f"note: what was learned and forgotten isn't known of {versions}: {reason}", err=True)


def _cells(one: VersionTold) -> Iterator[str]:
    yield from (str(one.version), one.at or "-")
    yield from map(str, (one.partition, one.applied, one.rows))
    yield from ("-" if each is None else str(each) for each in (one.learned, one.forgotten, one.replaced))
    yield f"{one.owner.counter}/{one.owner.nonce[:8]}" if one.owner else str(one.counter)
    withheld = f"; {one.withheld} rows withheld" if one.withheld else ""
    again = f" as {one.newest}" if one.newest not in (None, one.version) else ""
    yield f"{one.standing}{again}{withheld}"

"""`unlearn export`: the version in force as one model, in files that other programs read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from unlearn.admin.exporting.format import Format
from unlearn.cli.command import Command
from unlearn.cli.connect import open_scorer
from unlearn.cli.options import wait_option
from unlearn.durations import format_duration, parse_duration
from unlearn.errors import InputInvalid

if TYPE_CHECKING:
    from unlearn.admin.exporting.description import Description
    from unlearn.settings import Settings


@click.command(cls=Command)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option("--to", required=True, type=click.Choice(get_args(Format)), help="For which program.")
@click.option(
    "--use-for",
    metavar="DURATION",
    help="How long it may be used: seconds, or P1D; UNLEARN_LEASE unless given, and UNLEARN_FORGET_WITHIN at most.",
)
@wait_option
@click.pass_context
def command(ctx: click.Context, folder: Path, to: Format, use_for: str | None, wait: float) -> None:
    """Export the version in force as one model into DIR.

    Naive Bayes and linear models: all shards together are one linear model, which scores as they do; nothing of a
    single shard is in the files. No deletion reaches a copy, so each says until when it may be used: throw it away
    then, or once a deletion is hidden, and export again. sklearn: weights and a load.py, nothing is pickled.
    safetensors: tensors. onnx: a graph over counts.

    \b
    Examples:
      unlearn export --to sklearn model
      unlearn export --to onnx --use-for P1D model
    """
    from unlearn.admin.exporting import export

    export.check_format(to)
    export.check_place(folder)
    began = time.time()
    with open_scorer(ctx, wait) as (scorer, settings):
        seconds = _seconds(use_for, settings)
        served = scorer.once(wait)
        merged = {p: one for p, one in scorer.merged.items() if p not in served.left_out}
    model = export.aggregate_of(served)
    description = export.described(to, served, merged, model, began, seconds)
    names = export.write(folder, model, description)
    _tell(folder, names, description)


def _seconds(given: str | None, settings: Settings) -> float:
    if given is None:
        return settings.lease
    try:
        seconds = parse_duration(given)
    except ValueError as error:
        raise InputInvalid(f"--use-for: {error}") from None
    if not 0 < seconds <= settings.forget_within:
        most = format_duration(settings.forget_within)
        raise InputInvalid(
            f"--use-for: more than 0 and up to {most}, by which deletions are due (UNLEARN_FORGET_WITHIN)"
        )
    return seconds


def _tell(folder: Path, names: tuple[str, ...], description: Description) -> None:
    from unlearn.admin.exporting.files import LACKING

    versions = ", ".join(f"{partition}: {version}" for partition, version in description.versions.items())
    click.echo(
        f"model {description.model}, version {description.version} (of partitions {versions}): {description.content}"
    )
    click.echo(f"{folder}: {', '.join(names)}")
    click.echo(f"it must not be used from {description.use_until} on; {description.use_until_means}")
    click.echo(f"what it doesn't carry: {LACKING[description.to]}")
    if description.left_out:
        click.echo(f"left out: partitions {', '.join(map(str, description.left_out))}", err=True)

"""`unlearn demo`: the whole path on this machine."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.ending import FORCED_AFTER, allow
from unlearn.settings import LearnerName

if TYPE_CHECKING:
    from unlearn.settings_sources import Loaded


@click.command(cls=Command)
@click.option("--events", type=click.IntRange(1, 5_000_000), help="Events to send. [default: 20000, or all of --input]")
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON Lines of events, plain, gzip or zstd, instead of generated ones; labels become the classes.",
)
@click.option("--learner", type=click.Choice(get_args(LearnerName)), help="[default: that of the settings]")
@click.option("--seed", type=click.IntRange(0, 4000), default=1, show_default=True, help="Of events and deletions.")
@click.option("--rate", type=click.FloatRange(0), help="Events a second; 0: no limit. [default: 1500, fewer if few]")
@click.option("--workers", type=click.IntRange(1, 8), default=1, show_default=True, help="Worker processes.")
@click.option("--keep", is_flag=True, help="Keep this run's data when the next demo cleans up.")
@click.pass_context
def command(
    ctx: click.Context,
    events: int | None,
    source: Path | None,
    learner: str | None,
    seed: int,
    rate: float | None,
    workers: int,
    keep: bool,
) -> int:
    """Stream events, delete some of them, and verify what is left.

    Starts Kafka and Redis on this machine where they don't run, and leaves them up. Each run makes a model of
    its own and removes what the one before left. Without Kafka it runs on a log inside this process.

    \b
    Examples:
      unlearn demo
      unlearn demo --learner linear --workers 2
      unlearn demo --input events.jsonl.gz
    """
    from unlearn.demo.outcome import Options
    from unlearn.demo.run import run
    from unlearn.demo.summary import summarise

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    loaded = _loaded(ctx, learner)
    context.tell_earlier(loaded.settings)
    allow(loaded.settings.drain_within + FORCED_AFTER)
    console = context.console()
    outcome = run(loaded, Options(events, seed, source, rate, workers, keep), console)
    summarise(outcome, console)
    return 1 if outcome.problems else 0


def _loaded(ctx: click.Context, learner: str | None) -> Loaded:
    from dataclasses import replace

    from unlearn.settings_sources import load

    loaded = load(context.config(ctx), demo=True)
    if learner is None:
        return loaded
    return replace(loaded, settings=loaded.settings.model_copy(update={"learner": learner}))

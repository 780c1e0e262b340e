"""`unlearn simulate`: the processor under random faults, by seed."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import SecretStr

from unlearn.cli import context
from unlearn.cli.command import Command

if TYPE_CHECKING:
    from unlearn.simulate.run import Outcome


class Seeds(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A..B, both included, or one seed."""

    name = "A..B"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        if isinstance(value, range):
            return value
        first, _, last = str(value).partition("..")
        try:
            seeds = range(int(first), int(last or first) + 1)
        except ValueError:
            seeds = range(0)
        if not seeds:
            self.fail("give seeds as 1..1000 or as one number", param, ctx)
        return seeds


@click.command(cls=Command)
@click.option("--seeds", type=Seeds(), default="1..1000", show_default=True, help="Which histories, both included.")
@click.option("--processes", type=click.IntRange(1, 64), help="[default: one a CPU]")
@click.option("--verbose", "-v", is_flag=True, help="Say all that happens; best with one seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_context
def command(ctx: click.Context, seeds: range, processes: int | None, verbose: bool, as_json: bool) -> int:
    """Run histories with random faults, and check each.

    Each seed is a log, settings and faults: crashes, lost answers, outages, slow calls, workers that hang or
    come back from the dead, repeated messages, Redis rolled back. The log is in this process, the clock is
    a simulated one, Redis is a real one, started for this. The same seed is the same history again.

    \b
    Examples:
      unlearn simulate --seeds 1..1000
      unlearn simulate --seeds 17..17 -v
    """
    from unlearn.simulate.run import run_seeds

    counts: Counter[str] = Counter()
    failed: list[int] = []
    began = time.monotonic()
    set_up = _verbosely if verbose else _quietly
    count = min(processes or os.cpu_count() or 1, len(seeds))
    bar = click.progressbar(length=len(seeds), label="seeds", file=sys.stderr, hidden=not sys.stderr.isatty())
    with _redis(ctx) as url, bar:
        for outcome in run_seeds(seeds, url, count, set_up):
            bar.update(1)
            counts.update(outcome.counts)
            if outcome.wrong:
                failed.append(outcome.seed)
                _tell(outcome, verbose=verbose)
    _sum_up(len(seeds), sorted(failed), counts, time.monotonic() - began, as_json=as_json)
    return 1 if failed else 0


def _tell(outcome: Outcome, *, verbose: bool) -> None:
    click.echo(f"seed {outcome.seed}: {outcome.trace if verbose else outcome.wrong[:500]}", err=True)
    click.echo(f"  again: unlearn simulate --seeds {outcome.seed}..{outcome.seed} -v", err=True)


def _sum_up(seeds: int, failed: list[int], counts: Counter[str], seconds: float, *, as_json: bool) -> None:
    if as_json:
        paths = dict(sorted(counts.items()))
        click.echo(json.dumps({"seeds": seeds, "failed": failed, "seconds": round(seconds, 1), "paths": paths}))
        return
    taken = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(counts.items()) if count)
    click.echo(f"{seeds} seeds in {seconds:.0f} s, {len(failed)} failed: {failed}\n{taken}")


@contextmanager
def _redis(ctx: click.Context) -> Iterator[str]:
    """The URL of a Redis of our own: it is rolled back, and what the settings name may be in use."""
    from unlearn.local_password import with_local_password
    from unlearn.services import LocalRedis
    from unlearn.services.address import free_port
    from unlearn.settings import RedisSettings

    settings = context.settings(ctx, demo=True)
    with tempfile.TemporaryDirectory(prefix="unlearn-simulate-") as folder:
        redis = RedisSettings(url=SecretStr(f"redis://127.0.0.1:{free_port()}/0"))
        own = settings.model_copy(update={"services_dir": Path(folder), "redis": redis})
        service = LocalRedis(own)
        service.up(lambda _: None)
        try:
            yield with_local_password(own).redis.url.get_secret_value()
        finally:
            service.down(lambda _: None)


def _quietly() -> None:
    logging.disable(logging.CRITICAL)


def _verbosely() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")

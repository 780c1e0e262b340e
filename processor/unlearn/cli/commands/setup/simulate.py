"""`unlearn simulate`: the processor under random faults, by seed."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from bisect import insort
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


# Where stderr is no terminal, and so shows no bar: after each so many seeds a line says how far it is.
_TOLD_EVERY = 500


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

    tally = _Tally(len(seeds))
    set_up = _verbosely if verbose else _quietly
    count = min(processes or os.cpu_count() or 1, len(seeds))
    bar = click.progressbar(length=len(seeds), label="seeds", file=sys.stderr, hidden=not sys.stderr.isatty())
    try:
        with _redis(ctx) as url, bar:
            for outcome in run_seeds(seeds, url, count, set_up):
                bar.update(1)
                tally.add(outcome)
                if outcome.wrong:
                    _tell(outcome, verbose=verbose)
                if bar.hidden and tally.done % _TOLD_EVERY == 0:
                    click.echo(tally.line(), err=True)
    finally:
        # Also where Ctrl-C ends it: what has been judged by then holds all the same.
        if tally.done:
            click.echo(tally.as_json() if as_json else tally.as_text())
    return 1 if tally.failed else 0


class _Tally:
    """What came of the seeds that have ended, of `asked` in all."""

    def __init__(self, asked: int) -> None:
        self._asked, self._began = asked, time.monotonic()
        self._paths: Counter[str] = Counter()
        self.done = 0
        self.failed: list[int] = []

    def add(self, outcome: Outcome) -> None:
        self.done += 1
        self._paths.update(outcome.counts)
        if outcome.wrong:
            insort(self.failed, outcome.seed)

    def line(self) -> str:
        seeds = str(self.done) if self.done == self._asked else f"{self.done} of {self._asked}"
        return f"{seeds} seeds in {time.monotonic() - self._began:.0f} s, {len(self.failed)} failed: {self.failed}"

    def as_text(self) -> str:
        taken = (f"{name.replace('_', ' ')} {count}" for name, count in sorted(self._paths.items()) if count)
        return f"{self.line()}\n{', '.join(taken)}"

    def as_json(self) -> str:
        seconds = round(time.monotonic() - self._began, 1)
        paths = dict(sorted(self._paths.items()))
        return json.dumps({"seeds": self.done, "failed": self.failed, "seconds": seconds, "paths": paths})


def _tell(outcome: Outcome, *, verbose: bool) -> None:
    click.echo(f"seed {outcome.seed}: {outcome.trace if verbose else outcome.wrong[:500]}", err=True)
    click.echo(f"  again: unlearn simulate --seeds {outcome.seed}..{outcome.seed} -v", err=True)


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

"""`python -m bench NAME [--json FILE]`: measure, show, and write down."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench.figures import Report
from bench.forest import forest
from bench.ingest import ingest
from bench.learners import checkpoints, linear, naive_bayes, text
from bench.progress import Ticker
from bench.scale import scale, slices, steady
from bench.show import show
from bench.users import client, forgetting, install, releases, serving
from unlearn.errors import UnlearnError


class Measurement(NamedTuple):
    """`run(config, quick, tick)` calls `tick(what comes)` `phases(quick)` times; it takes `options` by name, too."""

    what: str
    run: Callable[..., Report]
    phases: Callable[[bool], int]
    options: tuple[str, ...] = ()


MEASUREMENTS: Mapping[str, Measurement] = {
    "ingest": Measurement(
        "events a second beside bare polls and peers, deletions' cost, Redis' bytes, time to hidden (20 minutes)",
        ingest.run,
        ingest.phases,
    ),
    "client": Measurement(
        "events a second of `unlearn send` beside kafka-python's, a scorer's time for 10,000 texts and for one",
        client.run,
        client.phases,
    ),
    "install": Measurement(
        "bytes on disk and seconds to a scorer's first answer: the base installation beside one with all extras",
        install.run,
        install.phases,
    ),
    "forget": Measurement(
        "`unlearn forget` of 100,000 ids from a CSV until all are hidden, beside `unlearn send` of as many deletions",
        forgetting.run,
        forgetting.phases,
        options=("events",),
    ),
    "scale": Measurement(
        "millions of events through some workers, both verifications, and a worker killed in a backlog",
        scale.run,
        scale.phases,
        options=("events", "workers", "backlog"),
    ),
    "slices": Measurement(
        "what a million slices of a partition cost its owner in a turn, a manifest and a claim",
        slices.run,
        slices.phases,
    ),
    "releases": Measurement(
        "events a second beside an earlier release of ours, plain, with deletions and with aliases",
        releases.run,
        releases.phases,
        options=("commit",),
    ),
    "serve": Measurement(
        "answers over HTTP to eight clients at once, while versions change and records are deleted",
        serving.run,
        serving.phases,
    ),
    "steady": Measurement(
        "memory, open files and threads of two workers, and Redis' memory, over an hour at a steady rate",
        steady.run,
        steady.phases,
        options=("minutes", "rate"),
    ),
    "linear": Measurement(
        "the linear learner: refits, deletions and accuracy beside scikit-learn's and River's",
        linear.run,
        linear.phases,
    ),
    "naive-bayes": Measurement(
        "naive Bayes: deletions and scores beside scikit-learn's refits and River", naive_bayes.run, naive_bayes.phases
    ),
    "forest": Measurement(
        "the forest on Adult: builds, deletions, memory and accuracy beside dare_rf's and scikit-learn's",
        forest.run,
        forest.phases,
        options=("data",),
    ),
    "text": Measurement("texts to counts beside HashingVectorizer", text.run, text.phases),
    "checkpoints": Measurement("rows to learn anew under each checkpoint policy", checkpoints.run, checkpoints.phases),
}


_WIDTH = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when all was measured, 1 when it could not be; with --strict also 1 when a goal is missed."""
    options = _parser().parse_args(arguments)
    if options.list or options.name is None:
        for name, measurement in MEASUREMENTS.items():
            print(f"{name:12} {measurement.what}")
        return 0
    logging.basicConfig(level=logging.ERROR)
    try:
        report = _measured(MEASUREMENTS[options.name], options)
    except (UnlearnError, TimeoutError) as error:
        print(f"{options.name}: {error}", file=sys.stderr)
        return 1
    show(report, console(stderr=False))
    if options.json:
        report.write(options.json)
    missed = [figure.name for figure in report.figures if figure.met is False]
    if options.strict and missed:
        print(f"{options.name}: goals are missed: {', '.join(missed)}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the product beside its peers.")
    parser.add_argument("name", nargs="?", choices=sorted(MEASUREMENTS), help="what to measure")
    parser.add_argument("--list", action="store_true", help="list what can be measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--strict", action="store_true", help="end with 1 where a goal is missed")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, measures nothing")
    parser.add_argument("--data", type=Path, metavar="FILE", help="of forest: Adult as CSV, may end in .gz")
    parser.add_argument(
        "--events", type=int, metavar="N", help="of scale: how many; 1,000,000 unless given. Of forget: ids of a list"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="of scale: how many, on as many cores; 2 unless given")
    parser.add_argument("--backlog", type=int, metavar="N", help="of scale: events before a killed worker; 1,000,000")
    parser.add_argument("--commit", help=f"of releases: the earlier one; {releases.BEFORE} unless given")
    parser.add_argument(
        "--minutes", type=float, metavar="N", help=f"of steady: how long; {steady.MINUTES:g} unless given"
    )
    parser.add_argument("--rate", type=int, metavar="N", help=f"of steady: events a second; {steady.RATE} unless given")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML, as for `unlearn`")
    return parser


def _measured(measurement: Measurement, options: argparse.Namespace) -> Report:
    given = {name: getattr(options, name) for name in measurement.options}
    screen = console(stderr=True)
    columns = BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        ticker = Ticker(progress, measurement.phases(options.quick))
        return measurement.run(options.config, options.quick, ticker, **given)


def console(*, stderr: bool) -> Console:
    """Wide enough for the tables where the output is a file."""
    found = Console(stderr=stderr, highlight=False)
    if not found.is_terminal:
        found.width = _WIDTH
    return found


if __name__ == "__main__":
    sys.exit(main())

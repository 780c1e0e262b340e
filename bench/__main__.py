"""`python -m bench NAME [--json FILE]`: measure, show, and write down."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import ingest
from bench.figures import Report
from bench.show import show
from processor.errors import UnlearnError

Measurement = Callable[[Path | None, bool, Callable[[str], None]], Report]

MEASUREMENTS: Mapping[str, tuple[str, Measurement]] = {
    "ingest": ("events a second beside a bare poll, Redis' bytes, time to hidden, manifest gaps", ingest.run),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when all was measured, whether goals are met or not; 1 when it could not be."""
    options = _parser().parse_args(arguments)
    if options.list or options.name is None:
        for name, (what, _) in MEASUREMENTS.items():
            print(f"{name:12} {what}")  # noqa: T201
        return 0
    logging.basicConfig(level=logging.ERROR)
    try:
        report = _measured(MEASUREMENTS[options.name][1], options.config, options.quick)
    except (UnlearnError, TimeoutError) as error:
        print(f"{options.name}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    show(report, Console(highlight=False))
    if options.json:
        report.write(options.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the product beside its peers.")
    parser.add_argument("name", nargs="?", choices=sorted(MEASUREMENTS), help="what to measure")
    parser.add_argument("--list", action="store_true", help="list what can be measured")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, measures nothing")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML, as for `unlearn`")
    return parser


def _measured(measurement: Measurement, config: Path | None, quick: bool) -> Report:
    console = Console(stderr=True, highlight=False)
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=None)
        return measurement(config, quick, lambda phase: progress.update(task, description=phase))


if __name__ == "__main__":
    sys.exit(main())

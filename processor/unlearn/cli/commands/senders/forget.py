"""`unlearn forget`: deletions of many ids, sent and followed until their receipts say what became of them."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_log
from unlearn.cli.following import follow
from unlearn.errors import InputInvalid

if TYPE_CHECKING:
    from unlearn.admin.forget import Kind, Requests


@click.command(cls=Command)
@click.option("--subjects", type=click.File("rb"), metavar="FILE|-", help="Forget all records of these subjects.")
@click.option("--records", type=click.File("rb"), metavar="FILE|-", help="Forget these records, of every subject.")
@click.option("--aliases", type=click.File("rb"), metavar="FILE|-", help="Forget whom these aliases name.")
@click.option("--column", metavar="NAME|N", help="FILE is CSV, and the ids stand in this column.")
@click.option("--whole-lines", is_flag=True, help="Each line is one id, even where it looks like CSV.")
@click.option("--wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait for receipts so long at most.")
@click.option(
    "--open",
    "open_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to list what isn't hidden at the end. Default: forget-RUN.open.csv.",
)
@click.option("--check", is_flag=True, help="Check the ids, send nothing.")
@click.pass_context
def command(
    ctx: click.Context,
    subjects: BinaryIO | None,
    records: BinaryIO | None,
    aliases: BinaryIO | None,
    column: str | None,
    whole_lines: bool,
    wait: float | None,
    open_file: Path | None,
    check: bool,
) -> None:
    """Forget whom or what a list names, and wait until all is hidden.

    FILE has an id a line, or is CSV; it may be gzip or zstd. All ids are checked before anything is sent. What isn't
    hidden at the end, or when it is interrupted, is listed in a CSV file, which only you may read.

    \b
    Examples:
      unlearn forget --subjects leavers.txt
      unlearn forget --subjects export.csv --column user_id --wait 600
      unlearn forget --records - < ids.txt
      unlearn forget --aliases hashes.csv --column sha256
    """
    sources: dict[Kind, BinaryIO | None] = {"subject_id": subjects, "record_id": records, "alias": aliases}
    given = [(kind, source) for kind, source in sources.items() if source is not None]
    if len(given) != 1:
        raise click.UsageError("give --subjects, --records or --aliases, with a FILE (- for the standard input)")
    ((kind, source),) = given
    if column is not None and whole_lines:
        raise click.UsageError("give --column or --whole-lines, not both")
    settings = context.settings(ctx, demo=True)
    requests, twice = _requests(kind, source, column, whole_lines)
    if check:
        click.echo(f"checked {len(requests)} ids, {twice} given again")
        return
    started = time.monotonic()
    with _listed(requests, open_file), open_log(settings) as log:
        follow(log, settings, requests, inf if wait is None else wait)
    _summarise(requests, twice, time.monotonic() - started)
    ctx.exit(_code(requests))


def _requests(kind: Kind, source: BinaryIO, column: str | None, whole_lines: bool) -> tuple[Requests, int]:
    """The requests for all ids of the source, and how many ids came again. Raises InputInvalid."""
    from unlearn.admin.forget import Requests
    from unlearn.admin.input.id_lists import read_column, read_whole_lines

    read = read_whole_lines(source, separators=whole_lines) if column is None else read_column(source, column)
    ids = list(read)
    if not ids:
        raise InputInvalid("there is no id in the input")
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    requests = Requests(kind, ids, uuid4().hex, now)
    return requests, len(ids) - len(requests)


@contextmanager
def _listed(requests: Requests, file: Path | None) -> Iterator[None]:
    """At the end of the `with` block, however it ends, what isn't hidden is listed in the file."""
    try:
        yield
    finally:
        still_open = list(requests.open())
        if still_open:
            from unlearn.environment.private_files import make_file

            path = file if file is not None else Path(f"forget-{requests.run}.open.csv")
            with make_file(path).open("w", newline="", encoding="utf-8") as out:
                rows = csv.writer(out)
                rows.writerow(still_open[0]._fields)
                rows.writerows(still_open)
            click.echo(f"{len(still_open)} not hidden: listed in {path}", err=True)


def _summarise(requests: Requests, twice: int, seconds: float) -> None:
    counts = requests.counts
    parts = [f"{counts[state]} {state}" for state in ("hidden", "refused", "accepted", "sent") if counts[state]]
    again = f"; {twice} ids given again" if twice else ""
    click.echo(f"of {len(requests)} deletions: {', '.join(parts)}; {seconds:.1f} s{again}")


def _code(requests: Requests) -> int:
    if requests.ended < len(requests):
        return 75
    return 1 if requests.counts["refused"] else 0

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
from unlearn.cli.connect import open_log, open_sink
from unlearn.errors import InputInvalid

if TYPE_CHECKING:
    from rich.progress import Progress

    from unlearn.admin.forget import Kind, Requests
    from unlearn.log.protocol import Log
    from unlearn.settings import Settings

_QUIET_FOR = 30.0
"""Seconds without a receipt after which a note says where to look."""


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
    """Forget many subjects, records or aliases, and wait until each is hidden.

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
        _forget(log, settings, requests, inf if wait is None else wait)
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


def _forget(log: Log, settings: Settings, requests: Requests, wait: float) -> None:
    from unlearn.admin.forget import await_receipts, send_requests
    from unlearn.client.new_receipts import NewReceipts

    receipts = NewReceipts(log, settings.receipts_topic)
    with _bars(requests) as bars:
        with open_sink(log, settings) as sink:
            send_requests(requests, sink, bars.update)
        await_receipts(receipts, requests, wait, bars.update)


class _Bars:
    """Two bars, of what is sent and of what has ended; and a note where no receipt comes."""

    def __init__(self, requests: Requests, progress: Progress) -> None:
        self._requests, self._progress = requests, progress
        self._sent = progress.add_task("sent", total=len(requests))
        self._ended = progress.add_task("hidden", total=len(requests))
        self._seen, self._since, self._noted = 0, time.monotonic(), False

    def update(self) -> None:
        counts = self._requests.counts
        self._progress.update(self._sent, completed=len(self._requests) - counts["unsent"])
        self._progress.update(self._ended, completed=self._requests.ended)
        seen, now = self._requests.ended + counts["accepted"], time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        elif not self._noted and now - self._since > _QUIET_FOR:
            self._noted = True
            self._progress.console.print(
                f"no receipt for {_QUIET_FOR:.0f} s: is a worker running? `unlearn status` tells", markup=False
            )


@contextmanager
def _bars(requests: Requests) -> Iterator[_Bars]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with context.progress(*columns) as progress:
        yield _Bars(requests, progress)


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

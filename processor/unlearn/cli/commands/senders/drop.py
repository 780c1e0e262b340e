"""`unlearn drop`: California's lists of people who want to be forgotten, and the answer codes to file."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import made_as, open_log, open_redis
from unlearn.cli.following import follow
from unlearn.errors import InputInvalid

if TYPE_CHECKING:
    from unlearn.admin.drop import Code, Drop
    from unlearn.settings import Settings


@click.command(cls=Command)
@click.argument("source", type=click.File("rb"), metavar="IN.csv")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT.csv")
@click.option("--prefix", default="sha256:", show_default=True, help="What stands before the hash in our aliases.")
@click.option("--exempt", type=click.File("rb"), metavar="FILE", help="Hashes to answer with 2: exempted.")
@click.option("--opted-out", type=click.File("rb"), metavar="FILE", help="Hashes to answer with 4: opted out.")
@click.option("--wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait for receipts so long at most.")
@click.pass_context
def command(
    ctx: click.Context,
    source: BinaryIO,
    out: Path,
    prefix: str,
    exempt: BinaryIO | None,
    opted_out: BinaryIO | None,
    wait: float | None,
) -> None:
    """Forget the people of a DROP list, and write the answers.

    IN.csv has the columns ID and Hash. OUT.csv gets ID and Code: 3 deleted, 5 not found, 2 exempted, 4 opted out. An
    alias that names several people is answered with 4, and nobody is deleted. What has no answer yet is listed in
    OUT.csv.open.csv; run it again: all deletions are sent again, and what was answered gets the same code. That holds
    of a later list, too: whoever was let in again is deleted anew; --exempt spares them.

    \b
    Examples:
      unlearn drop list.csv answers.csv
      unlearn drop list.csv answers.csv --exempt exempt.txt --wait 3600
    """
    from unlearn.admin.drop import EXEMPTED, OPTED_OUT, Drop
    from unlearn.admin.input.drop_lists import read_list

    if out.exists() and Path(source.name).exists() and out.samefile(source.name):
        raise click.UsageError("OUT.csv is IN.csv, which would be lost")
    settings = context.settings(ctx)
    rows = read_list(source, prefix)
    if not rows:
        raise InputInvalid("there is no row in the input")
    hashes = {row.hash for row in rows}
    given: dict[str, Code] = dict.fromkeys(_hashes(opted_out, "opted out", hashes), OPTED_OUT)
    given |= dict.fromkeys(_hashes(exempt, "exempt", hashes), EXEMPTED)
    drop = Drop(rows, prefix, given, uuid4().hex, datetime.now(UTC).isoformat(timespec="milliseconds"))
    _follow(settings, drop, out, inf if wait is None else wait)
    counts = drop.counts()
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(counts.items()))
    click.echo(f"of {len(rows)} rows: {codes or 'none answered'}")
    ctx.exit(75 if counts.total() < len(rows) else 0)


def _hashes(source: BinaryIO | None, what: str, listed: Collection[str]) -> list[str]:
    """The hashes of a file, of whom nobody is to be deleted; it is said how many of them are in the list."""
    from unlearn.admin.input.drop_lists import read_hashes

    if source is None:
        return []
    hashes = read_hashes(source, listed)
    click.echo(f"{what}: {sum(one in listed for one in hashes)} of {len(hashes)} hashes are in the list", err=True)
    return hashes


def _follow(settings: Settings, drop: Drop, out: Path, wait: float) -> None:
    from unlearn.admin.lookup import Lookup
    from unlearn.client.new_receipts import NewReceipts
    from unlearn.identity import identity_of
    from unlearn.learners import learner_of

    with open_log(settings) as log:
        receipts = NewReceipts(log, settings.receipts_topic, log.bounds(settings.receipts_topic)[0][0])
        drop.take(receipts.read())
        with open_redis(settings) as client:
            made = made_as(settings, client)
            drop.opt_out(Lookup(made, client, identity_of(made, learner_of(made))).shared(drop.aliases()))
        # Not before: without the receipts of earlier runs some who were deleted would be told as not found.
        with _written(drop, out):
            follow(log, settings, drop, wait, receipts)


@contextmanager
def _written(drop: Drop, out: Path) -> Iterator[None]:
    """At the end of the `with` block, however it ends, the answers are written, and what is open is listed.

    Nothing begins if the answers can't be written. Raises OSError.
    """
    from unlearn.environment.private_files import make_file

    make_file(out)
    path = Path(f"{out}.open.csv")
    try:
        yield
    finally:
        _write(out, ("ID", "Code"), list(drop.answers()))
        still_open = list(drop.open())
        if still_open:
            _write(path, still_open[0]._fields, still_open)
            click.echo(f"{len(still_open)} not answered: listed in {path}", err=True)
        else:
            path.unlink(missing_ok=True)


def _write(path: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from unlearn.environment.private_files import make_file

    with make_file(path).open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(names)
        lines.writerows(rows)

"""`unlearn send`: JSON Lines or CSV of events, or one deletion or lift by hand, to the events topic."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_log, open_sink

if TYPE_CHECKING:
    from rich.progress import Progress

    from unlearn.admin.input.line_checks import LineChecker
    from unlearn.admin.input.numbered_lines import NumberedLines
    from unlearn.admin.send import Report, Sink
    from unlearn.events.event import Delete, Lift
    from unlearn.settings import Settings

_NAMED = 20
_FIELDS = {"record": "record_id", "subject": "subject_id", "alias": "alias"}
_LEAST_READ = 8192
_READ_AHEAD = 5.0
"""Bytes to read at once for each event a second: some 20 ms of usual events."""


@click.command(cls=Command)
@click.argument("source", type=click.File("rb"), metavar="FILE|-", required=False)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Events a second. Default: no limit.")
@click.option("--check", is_flag=True, help="Check the lines, send nothing, ask no broker.")
@click.option(
    "--mapping",
    metavar="NAME|FILE",
    help="With --check: show what each line would become by this mapping: the value of a message, or an object of its "
    "key, headers and value.",
)
@click.option("--keep-going/--stop", default=True, help="Go on after a bad line (default), or stop at the first.")
@click.option("--delete-record", metavar="ID", help="Send one deletion: of this record.")
@click.option("--delete-subject", metavar="ID", help="Send one deletion: of all of this subject's records.")
@click.option("--delete-alias", metavar="ID", help="Send one deletion: of whom this alias names.")
@click.option("--so-far", is_flag=True, help="With --delete-subject: of the records until now; later ones are taken.")
@click.option("--lift-record", metavar="ID", help="Send one lift: this record is taken again.")
@click.option("--lift-subject", metavar="ID", help="Send one lift: this subject's records are taken again.")
@click.option("--lift-alias", metavar="ID", help="Send one lift: of a deletion by this alias.")
@click.option("--subject", metavar="ID", help="The subject of a record that is named; without it: under every subject.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    source: BinaryIO | None,
    rate: float | None,
    check: bool,
    mapping: str | None,
    keep_going: bool,
    so_far: bool,
    subject: str | None,
    **by_hand: str | None,
) -> None:
    """Send events to the events topic, each to its home partition.

    The input is JSON Lines, or CSV with a header line of field names; plain, gzip or zstd. A line that is no event is
    named and not sent; the others are. A seal goes to every partition.

    One deletion or lift by hand prints its event id. A lift names what the deletion named, and what comes behind it is
    taken again; what was forgotten stays forgotten.

    With --mapping a line is the value of a message without key and headers, or all of a message, where keys and headers
    count: {"key": ..., "headers": {"name": "text"}, "value": ...}. A key is text or JSON, and null for none, as a null
    value. Lines are read as if they stood one behind the other in one partition. At the end stand the paths of the
    mapping that found nothing, and how many lines became what.

    \b
    Examples:
      unlearn send events.jsonl.gz --rate 500
      unlearn send --check events.csv.zst
      unlearn send --check changes.jsonl --mapping debezium
      unlearn send --delete-record 42 --subject alice
      unlearn send --delete-subject alice
      unlearn send --delete-subject alice --so-far
      unlearn send --delete-alias sha256:0a1b
      unlearn send --lift-subject alice
    """
    request = _request(by_hand, subject, so_far)
    if (source is None) == (request is None):
        raise click.UsageError("give either a FILE (- for the standard input) or one deletion or lift")
    settings = _read_by(context.settings(ctx, demo=True), mapping, check=check)
    if mapping is not None:
        if source is None:
            raise click.UsageError("give a FILE with --mapping")
        ctx.exit(_show(source, settings))
    with _sink(settings, check) as sink:
        if request is not None:
            _send_one(request, sink)
            return
        assert source is not None
        report, seconds = _send_all(source, _checker(settings), sink, rate, keep_going)
    _summarise(report, seconds, "checked" if check else "sent")
    ctx.exit(1 if report.refused else 0)


def _request(by_hand: Mapping[str, str | None], subject: str | None, so_far: bool) -> Delete | Lift | None:
    """The deletion or lift that the options name; None if none does. `by_hand`: such as `delete_record` -> an id."""
    given = [(name, value) for name, value in by_hand.items() if value is not None]
    if not given and subject is None and not so_far:
        return None
    if len(given) != 1:
        raise click.UsageError(f"give one of {', '.join(map(_option, sorted(by_hand)))}")
    ((name, value),) = given
    kind, _, what = name.partition("_")
    if subject is not None and what != "record":
        raise click.UsageError(f"--subject is for a record; {_option(name)} stands alone")
    if so_far and name != "delete_subject":
        raise click.UsageError("--so-far is for --delete-subject")
    return _event(kind, {"subject_id": subject, _FIELDS[what]: value, "scope": "so_far" if so_far else None})


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _event(kind: str, fields: Mapping[str, str | None]) -> Delete | Lift:
    from pydantic import ValidationError

    from unlearn.events.event import MAX_ID, Delete, Lift

    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return (Delete if kind == "delete" else Lift).model_validate(
            {"event_id": str(uuid4()), "requested_at": now, **given}
        )
    except ValidationError:
        raise click.UsageError(f"an id has 1 to {MAX_ID} characters of UTF-8") from None


@contextmanager
def _sink(settings: Settings, check: bool) -> Iterator[Sink]:
    from unlearn.admin.send import NoSink

    if check:
        yield NoSink()
        return
    with open_log(settings) as log, open_sink(log, settings) as sink:
        yield sink


def _checker(settings: Settings) -> LineChecker:
    from unlearn.admin.input.line_checks import LineChecker
    from unlearn.events.parsing import parser_of
    from unlearn.events.usual_inserts import scanner_of
    from unlearn.learners import learner_of

    learner, plain = learner_of(settings), not settings.reading.mapping.forms
    return LineChecker(parser_of(learner, settings.reading), scanner_of(learner) if plain else None)


def _read_by(settings: Settings, mapping: str | None, *, check: bool) -> Settings:
    """The settings with this mapping, for a check."""
    if mapping is None:
        return settings
    if not check:
        raise click.UsageError("give --mapping with --check; what is sent is read by UNLEARN_MAPPING")
    from unlearn.mapping.files import mapping_named

    try:
        return settings.model_copy(update={"mapping": mapping_named(mapping)})
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _show(source: BinaryIO, settings: Settings) -> int:
    """Print what each line would become, one a line, and what they are together. Returns 1 if any is no event."""
    from unlearn.admin.input.lines import read_lines
    from unlearn.admin.input.mapped_lines import BAD, MappedLines
    from unlearn.events.parsing import parser_of
    from unlearn.learners import learner_of

    reading = settings.reading
    lines = MappedLines(parser_of(learner_of(settings), reading), tombstones_follow=reading.mapping.tombstones_follow)
    for number, kind, reason, event in lines.read(read_lines(source)):
        said = context.to_json(event) if event is not None else kind
        click.echo(f"{number}: {said}" + (f": {reason}" if reason else ""))
    for path, count in lines.never_found.items():
        click.echo(f"mapping: {path} found nothing in {count:,} messages")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(lines.kinds.items()))
    click.echo(f"checked {lines.kinds.total():,} messages: {kinds or 'none'}")
    return 1 if lines.kinds.keys() & BAD else 0


def _send_one(request: Delete | Lift, sink: Sink) -> None:
    from unlearn.events.event import encode
    from unlearn.events.partitioner import event_key

    sink.take([(event_key(request), encode(request))])
    sink.finish()
    click.echo(request.event_id)


def _send_all(
    source: BinaryIO, checker: LineChecker, sink: Sink, rate: float | None, keep_going: bool
) -> tuple[Report, float]:
    from unlearn.admin.input.lines import CHUNK
    from unlearn.admin.send import Pace, send_lines

    def refuse(number: int, reason: str) -> bool:
        bar.console.print(f"line {number}: {reason}", style="red", markup=False)
        return keep_going

    # Python's garbage collector is kept from walking long-lived objects: that cost several us an event.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    bar, total = _progress(), _size(source)
    task = bar.add_task("sending", total=total)
    start = time.monotonic()

    def progress(number: int) -> None:
        if not bar.disable:
            bar.update(task, completed=number if total is None else source.tell())

    # The bar shows what was read, so with a rate not much is read ahead of what is sent.
    size = CHUNK if rate is None else min(CHUNK, max(_LEAST_READ, round(rate * _READ_AHEAD)))
    with bar:
        report = send_lines(_lines(source, size), checker, sink, Pace(rate), refuse, progress)
    return report, time.monotonic() - start


def _lines(source: BinaryIO, size: int) -> Iterator[NumberedLines]:
    from unlearn.admin.input.csv_events import csv_lines, is_csv
    from unlearn.admin.input.lines import read_chunks
    from unlearn.admin.input.numbered_lines import numbered

    chunks = read_chunks(source, size)
    first = next(chunks, None)
    if first is None:
        return iter(())
    every = chain([first], chunks)
    return csv_lines(every) if is_csv(Path(str(getattr(source, "name", ""))).name, first) else numbered(every)


def _size(source: BinaryIO) -> int | None:
    """Bytes of a file; None of a pipe, whose lines are counted instead."""
    if not source.seekable():
        return None
    end = source.seek(0, 2)
    source.seek(0)
    return end


def _progress() -> Progress:
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return context.progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(show_speed=True), TimeElapsedColumn()
    )


def _summarise(report: Report, seconds: float, verb: str) -> None:
    total = report.sent.total()
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.sent.items()))
    rate = total / seconds if seconds > 0 else 0.0
    click.echo(f"{verb} {total} events ({kinds or 'none'}), {report.bytes} bytes, {rate:.0f} a second")
    if report.refused:
        numbers = ", ".join(str(number) for number, _ in report.refused[:_NAMED])
        more = ", ..." if len(report.refused) > _NAMED else ""
        click.echo(f"refused {len(report.refused)} lines: {numbers}{more}", err=True)

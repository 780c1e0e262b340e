"""`unlearn status`: how the model stands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_log, open_redis
from unlearn.cli.fitting import Fitting
from unlearn.errors import SettingsError, UnlearnError

if TYPE_CHECKING:
    from unlearn.admin.status.partition_status import PartitionStatus, ShardStatus
    from unlearn.admin.status.reader import StatusReader
    from unlearn.admin.status.status import Status
    from unlearn.settings import Settings

_STYLES = {"behind": "yellow", "withdrawn": "bold yellow", "left-out": "bold red", "empty": "dim"}
_OWNER = 28
_EVERY = 2.0
_CODES = {"well": 0, "behind": 1, "stopped": 2}
_REFUSED = 10
"""Records of the results topic that are named, the newest."""


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="One JSON object; with --watch one a line.")
@click.option(
    "--watch",
    type=click.FloatRange(min=0.1),
    is_flag=False,
    flag_value=_EVERY,
    metavar="[SECONDS]",
    help="Show it again every so many seconds (2) until interrupted.",
)
@click.pass_context
def command(ctx: click.Context, as_json: bool, watch: float | None) -> int:
    """Show how each partition and each shard stands. Changes nothing.

    Lag counts offsets not applied yet. Ages count from the event's place in the log. Unresolved are events
    that may be deletions and could not be read.

    \b
    Examples:
      unlearn status
      unlearn status --watch 5
      unlearn status --json | jq .pending_deletions
    """
    settings = context.settings(ctx, demo=True)
    if watch is not None:
        _follow(settings, as_json, watch)
        return 0
    with _reader(settings) as reader:
        status = reader.read()
    if as_json:
        click.echo(json.dumps(status.to_json(), indent=2))
    else:
        context.console().print(rendered(status, settings.lease))
    return _CODES[status.verdict(settings.lease)]


@contextmanager
def _reader(settings: Settings) -> Iterator[StatusReader]:
    from unlearn.admin.status.reader import StatusReader
    from unlearn.learners import learner_of

    forgets = learner_of(settings).forgets
    with (
        open_log(settings) as log,
        open_redis(settings) as client,
        closing(StatusReader(settings, log, client, forgets)) as reader,
    ):
        yield reader


def _follow(settings: Settings, as_json: bool, every: float) -> None:
    """Show the status every so often until interrupted.

    Where it can't be read, that is said, and a new reader tries again.
    """
    console = context.console()
    with suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
        for status in _looks(settings, every):
            if not as_json:
                shown = _troubled(status) if isinstance(status, UnlearnError) else rendered(status, settings.lease)
                live.update(shown, refresh=True)
            elif isinstance(status, UnlearnError):
                click.echo(f"error: {status}", err=True)
            else:
                click.echo(json.dumps(status.to_json()))


def _looks(settings: Settings, every: float) -> Iterator[Status | UnlearnError]:
    """What is found at each look, for ever. Raises SettingsError, which doesn't pass."""
    while True:
        try:
            with _reader(settings) as reader:
                while True:
                    yield reader.read()
                    time.sleep(every)
        except SettingsError:
            raise
        except UnlearnError as error:
            yield error
        time.sleep(every)


def _troubled(error: UnlearnError) -> Text:
    return Text(f"error: {error}; asking again, Ctrl-C ends it", style="red")


def rendered(status: Status, lease: float) -> RenderableType:
    """The status as tables of at most 100 columns, or paragraphs where there is less room.

    A heartbeat older than `lease` seconds is marked.
    """
    return Group(
        _log_table(status, lease),
        "",
        _contents_table(status),
        "",
        _shard_table(status),
        "",
        *_stops(status),
        *_refusals(status),
        _summary(status),
    )


def _log_table(status: Status, lease: float) -> Fitting:
    table = _table("partition", "applied", "lag", "heartbeat", "token", "owner")
    for held in status.partitions:
        old = held.heartbeat_age is not None and held.heartbeat_age > lease
        table.add_row(
            str(held.partition),
            _number(held.applied),
            _number(held.lag),
            Text(_age(held.heartbeat_age), style="red" if old else ""),
            _number(held.counter),
            Text(_owner(held)),
            style="bold red" if held.stopped else "",
        )
    return table


def _owner(held: PartitionStatus) -> str:
    """The owner's name, cut at its start if it is long: its end, the process's number, tells more."""
    name = held.owner or "none yet"
    name = name if len(name) <= _OWNER else "…" + name[-_OWNER + 1 :]
    return name + (" (forwards only)" if held.forwards_only else "")


def _contents_table(status: Status) -> Fitting:
    table = _table("partition", "records", "tombstones", "holes", "cleaning", "pending", "unresolved", "dirty")
    for held in status.partitions:
        deletions = held.deletions
        numbers = (held.partition, held.records, held.tombstones, held.holes, held.cleaning_up)
        late = _overdue(deletions.overdue)
        unresolved = _aged(deletions.unresolved, deletions.oldest_unresolved) + _overdue(deletions.unresolved_overdue)
        table.add_row(
            *map(_number, numbers),
            Text(_aged(deletions.pending, deletions.oldest_pending) + late, style="bold red" if late else ""),
            Text(unresolved, style="red" if deletions.unresolved else ""),
            Text(_number(held.dirty_shards), style="yellow" if held.dirty_shards else ""),
        )
    return table


def _shard_table(status: Status) -> Fitting:
    table = _table("partition", "shard", "rows", "slices", "checkpoints", "status")
    for held in status.partitions:
        for shard in held.shards:
            table.add_row(*_cells(held.partition, shard), style=_STYLES.get(shard.status, ""))
    return table


def _cells(partition: int, shard: ShardStatus) -> list[str]:
    first = "" if shard.shard else str(partition)
    return [first, *map(_number, (shard.shard, shard.rows, shard.slices, shard.checkpoints)), shard.status]


def _of_partition(held: PartitionStatus) -> Iterator[Text]:
    name = f"partition {held.partition}"
    if held.stopped:
        yield Text(f"{name} is stopped: {held.stopped}", style="bold red")
    if held.trouble:
        yield Text(f"{name} waits: {held.trouble}", style="bold yellow")
    if held.quiet:
        yield Text(f"{name}: its worker takes no events, as asked: `unlearn resume`", style="bold yellow")
    if held.held_back:
        yield Text(
            f"{name}: {held.held_back:,} offsets, deletions perhaps, can't be read before a producer ends its open "
            "transaction; if that stays, see: kafka-transactions.sh find-hanging",
            style="yellow",
        )
    if held.quarantined:
        shards = ", ".join(map(str, held.quarantined))
        yield Text(f"{name}: training gave up shards {shards}: `unlearn retry`", style="bold red")


def _stops(status: Status) -> Iterator[Text]:
    for held in status.partitions:
        yield from _of_partition(held)
    if status.unresolved:
        yield Text("possible deletions that can't be read are open: `unlearn resolve` lists them", style="yellow")
    for refusal in status.refused[-_REFUSED:]:
        yield Text(
            f"the results topic's record {refusal.offset}, of partition {refusal.partition}, is not believed: "
            f"{refusal.reason}",
            style="bold yellow",
        )
    if status.refused_count > _REFUSED:
        yield Text(f"{status.refused_count:,} records of the results topic are not believed", style="bold yellow")
    for problem in status.store:
        yield Text(f"store: {problem}", style="bold red")
    for problem in status.redis:
        yield Text(f"Redis: {problem}", style="bold red")


def _refusals(status: Status) -> Iterator[Text]:
    """What was not taken, by reason."""
    from unlearn.admin.status.held import CONFLICTS

    for reason, count in status.dead_letters.items():
        yield Text(f"dead letters: {count:,} x {reason}", style="yellow")
    for path, count in status.never_found.items():
        yield Text(f"mapping: {path} found nothing in {count:,} messages", style="yellow")
    for reason, count in status.passed_over.items():
        told = f"inserts that changed nothing: {count:,} x {reason}"
        ties = reason == CONFLICTS
        yield Text(
            f"{told}, and the first stays; updates need a higher one" if ties else told, "yellow" if ties else ""
        )
    if status.refused_updates:
        yield Text(
            f"updates refused: {status.refused_updates:,}; their records keep the text they had, until a higher "
            "revision is taken or they are deleted",
            style="yellow",
        )


def _summary(status: Status) -> str:
    version = "none yet" if status.version is None else status.version
    return (
        f"model {escape(status.model)}, version {version}: {status.records:,} records, lag {status.lag:,}, "
        f"{status.pending:,} deletions pending, {status.unresolved:,} unresolved"
        + (f", {status.resolved:,} resolved" if status.resolved else "")
    )


def _table(*titles: str) -> Fitting:
    return Fitting(titles, words=("owner", "status"))


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _overdue(count: int) -> str:
    return f", {count:,} overdue" if count else ""


def _aged(count: int, age: float | None) -> str:
    return f"{count:,} ({_age(age)})" if age is not None else f"{count:,}"


def _age(seconds: float | None) -> str:
    """Rounded down, in the largest unit of which there are two or more."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"

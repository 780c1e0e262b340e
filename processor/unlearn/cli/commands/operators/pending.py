"""`unlearn pending`: open deletions by deadline, why each is open and what it waits for."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import made_as, open_log, open_redis
from unlearn.cli.fitting import Fitting

if TYPE_CHECKING:
    import redis

    from unlearn.admin.pending import OpenDeletion, Partition
    from unlearn.admin.pending_events import Said
    from unlearn.log.protocol import Log
    from unlearn.settings import Settings
    from unlearn.state.scripts import PartitionState


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List open deletions by deadline, and what each waits for.

    Those that are applied and not hidden yet, those that are on their way to another partition, and possible
    deletions that could not be read. Event ids are read from the log again; the ids of records and subjects are
    shown nowhere. What the log holds beyond what is applied is counted, and not listed. It changes nothing.

    \b
    Examples:
      unlearn pending
      unlearn pending --json | jq -r 'select(.overdue) | .event_id'
    """
    settings = context.settings(ctx, demo=True)
    with open_log(settings) as log, open_redis(settings) as client:
        from unlearn.admin.pending import open_deletions
        from unlearn.admin.pending_events import PendingEvents

        found = _partitions(log, client, settings)
        rows = open_deletions(found, settings.partitions)
        shown = [_shown(row, read) for row, read in PendingEvents(log, made_as(settings, client)).of(rows)]
        lag = _lag(log, settings, found)
    if as_json:
        for one in shown:
            click.echo(json.dumps(one))
    elif shown:
        context.console().print(_table(shown))
    else:
        click.echo("no deletion is open")
    if lag:
        click.echo(f"{lag} offsets are not applied yet, and may hold more; `unlearn status` tells of each", err=True)


def _partitions(log: Log, client: redis.Redis, settings: Settings) -> dict[int, Partition]:
    """What Redis holds of each partition of the topic."""
    from unlearn.learners import learner_of
    from unlearn.state.scripts import states

    state_of, forgets = states(client, settings.model), learner_of(settings).forgets
    count = log.partitions(settings.events_topic)
    shards = [settings.shards_per_partition if p < settings.partitions else 0 for p in range(count)]
    return {p: _partition(state_of(p), shards[p], forgets) for p in range(count)}


def _lag(log: Log, settings: Settings, found: Mapping[int, Partition]) -> int:
    """How many offsets of the topic are not applied yet, also of those that an open transaction holds back."""
    bounds, written = log.bounds(settings.events_topic), log.written(settings.events_topic)
    starts = {p: max(one.view.applied, bounds[p][0]) for p, one in found.items() if p in bounds}
    return sum(max(0, written[p] - start) for p, start in starts.items())


def _partition(state: PartitionState, shards: int, forgets: bool) -> Partition:
    from unlearn.admin.pending import Partition
    from unlearn.admin.status.partition_status import DIRTY
    from unlearn.partition.tables import Tables
    from unlearn.publishing.compose import entries

    view = Tables(state.load())
    composed = entries(view, shards if "token" in view.meta else 0, forgets, "0" * 64)
    training = tuple(entry.shard for entry in composed if entry.status in DIRTY)
    return Partition(view, state.stopped(), state.waits_for(), training)


def _shown(row: OpenDeletion, read: Said) -> dict[str, Any]:
    from unlearn.moments import iso

    return {
        "partition": row.partition,
        "offset": row.offset,
        "last": row.last,
        "count": row.count,
        "event_id": read.event_id,
        "names": read.names,
        "since": iso(row.since),
        "deadline": iso(row.deadline),
        "overdue": row.deadline < time.time() * 1000,
        "why": row.why,
        "waits_for": list(row.waits_for),
    }


def _table(shown: list[dict[str, Any]]) -> Fitting:
    titles = ("place", "event", "deadline", "why")
    table = Fitting(titles, words=titles, wraps="why")
    for one in shown:
        style = "bold red" if one["overdue"] else ""
        why = f"{one['why']}; waits for {', and for '.join(one['waits_for'])}"
        table.add_row(_place(one), context.printable(one["event_id"] or "-"), _short(one["deadline"]), why, style=style)
    return table


def _place(one: Mapping[str, Any]) -> str:
    place = f"{one['partition']}/{one['offset']}"
    return place if one["count"] == 1 else f"{place}..{one['partition']}/{one['last']} ({one['count']:,})"


def _short(moment: str | None) -> str:
    return "-" if moment is None else moment.replace("+00:00", "Z")

"""`unlearn resolve`: possible deletions that could not be read are listed, and closed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from processor.cli import context
from processor.cli.asking import ask_and_wait, tables, wait_option
from processor.cli.command import Command
from processor.cli.connect import open_log, open_redis
from processor.errors import InputInvalid

if TYPE_CHECKING:
    import redis

    from processor.settings import Settings
    from processor.view import View


@click.command(cls=Command)
@click.argument("places", nargs=-1, metavar="[PARTITION/OFFSET]...")
@click.option("--sent", is_flag=True, help="A readable deletion was sent instead of each.")
@click.option("--none", is_flag=True, help="They were no deletions.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line; for the list.")
@wait_option
@click.pass_context
def command(ctx: click.Context, places: tuple[str, ...], sent: bool, none: bool, as_json: bool, wait: float) -> int:
    """List or close possible deletions that could not be read.

    Or that could not be sent on. Close one at PARTITION/OFFSET after you have sent its sender's wish as a readable
    deletion (--sent), or found that it was none (--none). That is told to the dead-letter topic, where its reason
    was. It stays closed unless Redis is rolled back or built anew: then it is open again. Where a partition is
    stopped at records that can't be decoded, its place steps over them; what lay there then stays open as one
    possible deletion.

    \b
    Examples:
      unlearn resolve
      unlearn resolve 0/1234 2/77 --sent
    """
    if (sent and none) or bool(places) != (sent or none):
        raise click.UsageError("give places and one of --sent and --none, or nothing to have the list")
    settings = context.settings(ctx, demo=True)
    with open_redis(settings) as client:
        if not places:
            _list(_open(client, settings), as_json)
            return 0
        return _close(client, settings, places, "sent" if sent else "none", wait)


def _open(client: redis.Redis, settings: Settings) -> dict[int, View]:
    with open_log(settings) as log:
        return tables(client, settings.model, range(log.partitions(settings.events_topic)))


def _close(client: redis.Redis, settings: Settings, places: tuple[str, ...], verdict: str, wait: float) -> int:
    from processor.asks import resolve
    from processor.state.redis import states

    state_of = states(client, settings.model)
    named: dict[int, list[int]] = {}
    for partition, offset in map(_place, places):
        named.setdefault(partition, []).append(offset)
    for partition, view in tables(client, settings.model, named).items():
        stands_at = state_of(partition).unreadable()
        for offset in named[partition]:
            if offset not in view.unresolved and offset != stands_at:
                raise InputInvalid(f"nothing is unresolved at {partition}/{offset}; `unlearn resolve` lists what is")
    wishes = {p: dict(resolve(offset, verdict) for offset in offsets) for p, offsets in named.items()}
    return ask_and_wait(client, settings.model, wishes, wait)


def _place(given: str) -> tuple[int, int]:
    partition, _, offset = given.partition("/")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise InputInvalid(f"{given!r} is no place: write PARTITION/OFFSET, such as 0/1234")
    return int(partition), int(offset)


def _list(views: dict[int, View], as_json: bool) -> None:
    rows = list(_rows(views))
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    if not rows:
        click.echo("nothing is unresolved")
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, no_wrap=name != "reason", overflow="fold")
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    context.console().print(table)


def _rows(views: dict[int, View]) -> Iterator[dict[str, Any]]:
    for partition, view in views.items():
        for offset, held in sorted(view.unresolved.items()):
            yield {
                "place": f"{partition}/{offset}",
                "since": _time(held.since),
                "deadline": _time(held.deadline),
                "reason": held.reason,
            }


def _time(ms: int) -> str | None:
    """None where it isn't known."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds") if ms else None

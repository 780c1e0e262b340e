"""`unlearn retry`: shards in quarantine are trained again."""

from __future__ import annotations

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import open_redis
from unlearn.cli.requests import request_and_wait, tables, wait_option
from unlearn.errors import InputInvalid


@click.command(cls=Command)
@click.option("--partition", type=click.IntRange(min=0), help="Of this partition only.")
@click.option("--shard", type=click.IntRange(min=0), help="This shard only; needs --partition.")
@wait_option
@click.pass_context
def command(ctx: click.Context, partition: int | None, shard: int | None, wait: float) -> int:
    """Train shards in quarantine again, all or those named.

    A shard gets there by breaking its training three times. This is worth it once what broke it has changed: more
    memory, a mended worker. A row that did it needs no command: the shard is tried again when the row is deleted or
    updated.

    \b
    Examples:
      unlearn retry
      unlearn retry --partition 0 --shard 2
    """
    if shard is not None and partition is None:
        raise click.UsageError("--shard needs --partition")
    from unlearn.operator_requests.requests import retry
    from unlearn.training.quarantine import quarantined

    settings = context.settings(ctx, demo=True)
    if partition is not None and partition >= settings.partitions:
        raise InputInvalid(f"there is no partition {partition}: the model has {settings.partitions}, from 0 on")
    partitions = range(settings.partitions) if partition is None else [partition]
    with open_redis(settings) as client:
        held = {p: quarantined(view) for p, view in tables(client, settings.model, partitions).items()}
        named = {p: [s for s in shards if shard in (None, s)] for p, shards in held.items()}
        found = {p: shards for p, shards in named.items() if shards}
        if not found:
            click.echo("no shard is in quarantine" if shard is None else f"shard {shard} is in no quarantine")
            return 0 if shard is None else 1
        for p, shards in found.items():
            click.echo(f"partition {p}: shards {shards} are to be tried again")
        return request_and_wait(client, settings.model, {p: dict(map(retry, s)) for p, s in found.items()}, wait)

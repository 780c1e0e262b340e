"""`unlearn work`: a worker, until stopped or drained."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from unlearn.cli import connect, context
from unlearn.cli.command import Command
from unlearn.cli.ending import Gently
from unlearn.cli.options import log_options
from unlearn.errors import SettingsError
from unlearn.logging_setup import LogFormat, configure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unlearn.log.protocol import Log
    from unlearn.settings import Settings
    from unlearn.worker.drain import Drain
    from unlearn.worker.loop import Worker


@click.command(cls=Command)
@click.option("--drain", "drains", is_flag=True, help="Stop once all that the log holds now is published.")
@click.option("--rebuild", is_flag=True, help="Apply the log again where Redis lost a model that has published.")
@click.option("--check", is_flag=True, help="Only ask the worker at UNLEARN_HTTP whether it lives, as a probe does.")
@log_options
@click.pass_context
def command(ctx: click.Context, drains: bool, rebuild: bool, check: bool, log_level: str, log_format: LogFormat) -> int:
    """Apply events, train and publish, as one of the model's workers.

    SIGTERM finishes what is under way within UNLEARN_DRAIN_WITHIN; what hangs is ended by force 10 seconds later.
    --drain ends once every partition's manifest
    covers the log's end as it was at the start, whichever worker has the partition.

    \b
    Examples:
      unlearn work                start a worker; start more of them to share the partitions
      unlearn work --drain        catch up with the log, publish, and leave
      UNLEARN_HTTP=127.0.0.1:9100 unlearn work --check
    """
    if check:
        return _probe(context.settings(ctx, demo=True))
    from unlearn.state.client import client_of
    from unlearn.worker.drain import Drain
    from unlearn.worker.lifecycle import drain, make_worker, run, states

    settings = context.settings(ctx)
    context.tell_earlier(settings)
    configure(log_level, log_format=log_format)
    stop = Gently()
    with connect.open_log(settings) as log, make_worker(settings, log, rebuild=rebuild) as worker:
        stop.begin(settings.drain_within)
        if not drains:
            with monitored(settings, log) as turned:
                run(worker, settings, stop, turned)
            return 0
        client = client_of(settings.redis)
        plan = Drain(settings, log, log.producer(), states(client, settings.model), worker.results)
        done = drain(worker, plan, stop)
    return _sum_up(plan, done)


@contextmanager
def monitored(settings: Settings, log: Log) -> Iterator[Callable[[Worker], None]]:
    """What is to be told of each turn, so that UNLEARN_HTTP answers; nothing where that isn't set."""
    if settings.http is None:
        yield lambda _: None
        return
    from unlearn.http_server.hosts import Hosts
    from unlearn.http_server.listening import listening, read_address
    from unlearn.monitoring.monitor import Monitor
    from unlearn.monitoring.server import serving

    address = read_address(settings.http)
    if address is None:
        raise SettingsError(f"UNLEARN_HTTP: {settings.http} is not HOST:PORT, such as 127.0.0.1:9100")
    monitor = Monitor(log, settings)
    hosts = Hosts(address[0], settings.http_hosts, "UNLEARN_HTTP_HOSTS")
    with listening(*address) as listener, serving(monitor, listener, hosts), monitor.watching():
        yield monitor.turned


def _probe(settings: Settings) -> int:
    """0 where the worker at UNLEARN_HTTP lives, 1 where it says that it doesn't. Raises SettingsError, Unavailable."""
    from unlearn.monitoring.probe import livez

    if settings.http is None:
        raise SettingsError("UNLEARN_HTTP is not set: there is no worker to ask")
    alive, said = livez(settings.http)
    click.echo(said)
    return 0 if alive else 1


def _sum_up(plan: Drain, done: bool) -> int:
    for partition, letters in plan.dead_letters.items():
        for reason, count in letters.items():
            click.echo(f"partition {partition}: {count} events were refused so far: {reason}", err=True)
    for partition, count in plan.unresolved.items():
        click.echo(f"partition {partition}: {count} possible deletions could not be read and stay open", err=True)
    for partition, why in plan.stopped.items():
        click.echo(f"partition {partition} is stopped: {why}", err=True)
    for partition, shards in plan.quarantined.items():
        click.echo(f"partition {partition}: shards {shards} are in quarantine, training them fails", err=True)
    if not done:
        for partition, why in plan.waiting.items():
            click.echo(f"partition {partition}: {why}", err=True)
    return 0 if done and not plan.stopped and not plan.quarantined else 1

"""`unlearn console`: a page that shows how a model stands, until it is told to stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from unlearn.cli import connect, context
from unlearn.cli.command import Command
from unlearn.cli.ending import Gently
from unlearn.cli.http import listening_at, read_listen
from unlearn.cli.options import log_options
from unlearn.logging_setup import LogFormat, configure

if TYPE_CHECKING:
    import redis

    from unlearn.log.protocol import Log
    from unlearn.settings import Settings


@click.command(cls=Command)
@click.option("--listen", default="127.0.0.1:8082", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--check", is_flag=True, help="Only say whether it could start: settings, files, and one reading.")
@log_options
@click.pass_context
def command(ctx: click.Context, listen: str, check: bool, log_level: str, log_format: LogFormat) -> int:
    """Show how a model stands, on a page for browsers.

    Partitions and workers, shards and slices, deletions by deadline, dead letters, versions, what became of an event.
    Whoever reaches it may read: by an address, or by a name that UNLEARN_CONSOLE__HOSTS lists. With a token of
    UNLEARN_CONSOLE__TOKENS workers can be asked to be quiet, to resume, to retry and to resolve; unset: it is
    read-only. UNLEARN_SECRET is needed for versions and what became of an event.

    \b
    Examples:
      unlearn console
      unlearn console --listen 0.0.0.0:8082
      unlearn console --check
      curl -s http://127.0.0.1:8082/api/snapshot | jq .snapshot.level
    """
    host, _ = read_listen(listen)
    from unlearn.console.serve import serve

    settings = context.settings(ctx, demo=True)
    configure(log_level, log_format=log_format)
    if check:
        return _check(settings)
    stop = Gently()
    tls = settings.console.tls_certificate is not None
    with listening_at(listen, tls=tls, passes="tokens and event ids") as listener:
        stop.begin(settings.drain_within)
        serve(settings, lambda: _opened(settings), listener, host, stop)
    return 0


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Log, redis.Redis]]:
    with connect.open_log(settings) as log, connect.open_redis(settings) as client:
        yield log, client


def _check(settings: Settings) -> int:
    from unlearn.console.reading import reading
    from unlearn.http_server.access import read_tokens

    own = settings.console
    if own.tokens is not None:
        read_tokens(own.tokens, "UNLEARN_CONSOLE__TOKENS")
    with reading(settings, lambda: _opened(settings)) as found:
        seen = found.look()
    click.echo(f"the console can start; the model is {seen.look.status.verdict(settings.lease)}")
    return 0

"""`unlearn gateway`: deletions over HTTP, until it is told to stop."""

from __future__ import annotations

import logging

import click

from unlearn.cli import connect, context
from unlearn.cli.command import Command
from unlearn.cli.ending import Gently
from unlearn.cli.http import listening_at, read_listen
from unlearn.cli.options import log_options
from unlearn.logging_setup import LogFormat, configure

_log = logging.getLogger(__name__)


@click.command(cls=Command)
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--check", is_flag=True, help="Only say whether it could start: settings, files, topics.")
@log_options
@click.pass_context
def command(ctx: click.Context, listen: str, check: bool, log_level: str, log_format: LogFormat) -> int:
    """Take deletions over HTTP, as OpenDSR has them.

    Its state is the events and receipts topics: it can be killed and started anew, and several can run side by side.
    SIGTERM finishes what is under way within UNLEARN_DRAIN_WITHIN.

    \b
    Examples:
      unlearn gateway --listen 0.0.0.0:8443
      unlearn gateway --check
      curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/requests/42
    """
    host, _ = read_listen(listen)
    from unlearn.client.client import Client
    from unlearn.gateway.gateway import Gateway
    from unlearn.gateway.serve import serve

    settings = context.settings(ctx)
    configure(log_level, log_format=log_format)
    stop = Gently()
    with connect.open_log(settings) as log, Client(settings, log) as client:
        gateway = Gateway(settings, log, client)
        try:
            if check:
                click.echo("the gateway can start")
                return 0
            tls = settings.gateway.tls_certificate is not None
            with listening_at(listen, tls=tls, passes="tokens and ids") as listener:
                stop.begin(settings.drain_within)
                serve(gateway, settings, listener, host, stop)
        finally:
            gateway.close()
    return 0

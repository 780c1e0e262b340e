"""`unlearn gateway`: deletions over HTTP, until it is told to stop."""

from __future__ import annotations

import logging
import re

import click

from unlearn.cli import connect, context
from unlearn.cli.command import Command
from unlearn.cli.ending import Gently
from unlearn.logging_setup import configure

_log = logging.getLogger(__name__)
_ADDRESS = re.compile(r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+)):(?P<port>\d{1,5})")


@click.command(cls=Command)
@click.option("--listen", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Where to listen.")
@click.option("--check", is_flag=True, help="Only say whether it could start: settings, files, topics.")
@click.option("--log-level", default="INFO", show_default=True, type=click.Choice(["DEBUG", "INFO", "WARNING"]))
@click.pass_context
def command(ctx: click.Context, listen: str, check: bool, log_level: str) -> int:
    """Take deletions over HTTP, as OpenDSR has them.

    Its state is the events and receipts topics: it can be killed and started anew, and several can run side by side.
    SIGTERM finishes what is under way within UNLEARN_DRAIN_WITHIN.

    \b
    Examples:
      unlearn gateway --listen 0.0.0.0:8443
      unlearn gateway --check
      curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/requests/42
    """
    host, port = _address(listen)
    from unlearn.client.client import Client
    from unlearn.environment.redis_url import is_loopback
    from unlearn.gateway.gateway import Gateway
    from unlearn.gateway.serve import listening, serve

    settings = context.settings(ctx)
    configure(log_level)
    stop = Gently()
    with connect.open_log(settings) as log, Client(settings, log) as client:
        gateway = Gateway(settings, log, client)
        try:
            if check:
                click.echo("the gateway can start")
                return 0
            with listening(host, port) as listener:
                scheme = "http" if settings.gateway.tls_certificate is None else "https"
                click.echo(f"listening on {scheme}://{listen.rpartition(':')[0]}:{listener.getsockname()[1]}")
                if scheme == "http" and not is_loopback(host):
                    _log.warning("there is no TLS: tokens and ids go in the clear, unless a proxy before this has it")
                stop.begin(settings.drain_within)
                serve(gateway, settings, listener, stop)
        finally:
            gateway.close()
    return 0


def _address(listen: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(listen)
    if match is None or int(match["port"]) > 65535:
        raise click.BadParameter("not HOST:PORT, such as 127.0.0.1:8080", param_hint="--listen")
    return match["six"] or match["name"], int(match["port"])

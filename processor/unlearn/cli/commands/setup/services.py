"""`unlearn services`: Kafka and Redis on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.markup import escape

from unlearn.cli import context
from unlearn.cli.command import Group

if TYPE_CHECKING:
    from rich.console import Console

    from unlearn.services import Service

_NAMES = click.argument("names", nargs=-1, type=click.Choice(["kafka", "redis"]))


@click.group(cls=Group)
def command() -> None:
    """Start and stop Kafka and Redis on this machine.

    The addresses are those of the settings, the data are under UNLEARN_SERVICES_DIR.

    \b
    Examples:
      unlearn services up
      UNLEARN_SERVICES_DIR=/tmp/other UNLEARN_KAFKA__BOOTSTRAP_SERVERS=127.0.0.1:9192 \\
        UNLEARN_REDIS__URL=redis://127.0.0.1:6479/0 unlearn services up
      unlearn services logs kafka
    """


@command.command()
@_NAMES
@click.pass_context
def up(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Start what isn't running, and wait until it answers."""
    console = context.console(stderr=True)
    for service in _chosen(ctx, names):
        how = _with_progress(console, service)
        click.echo(f"{service.name}  {service.address}  {how}")


def _with_progress(console: Console, service: Service) -> str:
    with console.status(f"{service.name} ...") as status:

        def say(line: str) -> None:
            status.update(escape(f"{service.name}: {line}"))
            console.print(f"{service.name}: {line}", markup=False, style="dim", soft_wrap=True)

        return service.up(say)


@command.command()
@click.option("--erase", is_flag=True, help="Remove their data too.")
@_NAMES
@click.pass_context
def down(ctx: click.Context, names: tuple[str, ...], erase: bool) -> None:
    """Stop what was started here."""
    for service in reversed(_chosen(ctx, names)):
        stopped = service.down(lambda line: click.echo(line, err=True))
        if erase:
            service.erase()
        click.echo(f"{service.name}  {'stopped' if stopped else 'was not running'}{', data removed' * erase}")


@command.command()
@_NAMES
@click.pass_context
def status(ctx: click.Context, names: tuple[str, ...]) -> int:
    """Say which services answer."""
    answers = {service: service.answers() for service in _chosen(ctx, names)}
    for service, well in answers.items():
        click.echo(f"{service.name}  {service.address}  {'up' if well else 'down'}")
    return 0 if all(answers.values()) else 1


@command.command()
@click.option("--lines", type=click.IntRange(min=1), default=40, show_default=True, help="Lines of each log.")
@_NAMES
@click.pass_context
def logs(ctx: click.Context, names: tuple[str, ...], lines: int) -> None:
    """Show the end of the services' logs."""
    for service in _chosen(ctx, names):
        click.echo(f"== {service.name} {service.address}")
        click.echo(service.log_end(lines) or "(no log)")


def _chosen(ctx: click.Context, names: tuple[str, ...]) -> list[Service]:
    from unlearn.services import local_services

    settings = context.settings(ctx, demo=True)
    context.tell_earlier(settings)
    services = local_services(settings)
    return [service for service in services if not names or service.name in names]

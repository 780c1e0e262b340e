"""`unlearn topics create|check`: the model's topics with the settings they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from unlearn.cli import context
from unlearn.cli.command import Group

if TYPE_CHECKING:
    from unlearn.log.protocol import Log
    from unlearn.settings import Settings


@click.group(cls=Group)
def command() -> None:
    """Make the model's topics, or check those that are there."""


@command.command()
@click.option(
    "--as",
    "form",
    type=click.Choice(["strimzi", "acls"]),
    help="Make nothing; print Strimzi's KafkaTopic and KafkaUser, or the commands that allow users what they need.",
)
@click.option(
    "--cluster", default="kafka", show_default=True, help="With --as strimzi: the name of the Kafka resource."
)
@click.option("--brokers", type=click.IntRange(1), default=3, show_default=True, help="With --as strimzi: how many.")
@click.pass_context
def create(ctx: click.Context, form: str | None, cluster: str, brokers: int) -> None:
    """Make the topics that are missing. Safe to repeat: nothing that is there is changed, only checked.

    Users are called MODEL-worker, MODEL-sender, MODEL-scorer, MODEL-operator and MODEL-creator where they are printed;
    the last may make the topics. Strimzi's resources are of its API v1: Strimzi 0.49 or newer.

    \b
    Examples:
      unlearn topics create
      unlearn topics create --as strimzi --cluster prod | kubectl apply -f -
      unlearn topics create --as acls
    """
    from unlearn.admin import topics

    if form is not None:
        click.echo(_printed(context.settings(ctx, demo=True), form, cluster, brokers))
        return
    with _log(ctx) as (log, settings):
        created = topics.create(log, settings)
        for name in created.made:
            click.echo(f"made     {name}")
        for name in created.there:
            click.echo(f"is there {name}")
        _judge(ctx, topics.check(log, settings))


@command.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Name what is wrong with the topics, and what to do about it."""
    from unlearn.admin import topics

    with _log(ctx) as (log, settings):
        problems = topics.check(log, settings)
        if not problems:
            click.echo(f"the topics of {settings.model} are as they should be")
        if log.brokers() == 1:
            click.echo("note: there is one broker, so what it loses is lost", err=True)
        _judge(ctx, problems)


def _printed(settings: Settings, form: str, cluster: str, brokers: int) -> str:
    from unlearn.admin.rights import ROLES, as_acls, as_strimzi
    from unlearn.admin.topics import wanted

    users = {role: f"{settings.model}-{role}" for role in ROLES}
    if form == "acls":
        return as_acls(settings, users)
    return as_strimzi(settings, wanted(settings, brokers), users, cluster)


def _judge(ctx: click.Context, problems: list[str]) -> None:
    for problem in problems:
        click.echo(f"problem: {problem}", err=True)
    if problems:
        ctx.exit(1)


@contextmanager
def _log(ctx: click.Context) -> Iterator[tuple[Log, Settings]]:
    from unlearn.log.kafka.log import KafkaLog

    settings = context.settings(ctx, demo=True)
    with closing(KafkaLog(settings.kafka)) as log:
        yield log, settings

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
@click.pass_context
def create(ctx: click.Context) -> None:
    """Make the topics that are missing. Safe to repeat: nothing that is there is changed, only checked."""
    from unlearn.admin import topics

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

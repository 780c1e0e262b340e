"""`unlearn preview`: what a deletion would kill, before it is sent."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import made_as, open_log, open_redis

if TYPE_CHECKING:
    import redis
    from rich.progress import Progress

    from unlearn.admin.forecast import Forecast
    from unlearn.admin.preview import Preview
    from unlearn.client.took import Took
    from unlearn.settings import Settings


@click.command(cls=Command)
@click.option("--record", metavar="ID", help="A deletion of this record; without --subject under every subject.")
@click.option("--subject", metavar="ID", help="The record's subject; without --record all of the subject's records.")
@click.option("--alias", metavar="ID", help="A deletion of whom this alias names.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def command(ctx: click.Context, record: str | None, subject: str | None, alias: str | None, as_json: bool) -> None:
    """Say what a deletion would kill, before it is sent.

    It says, too, in how many seconds it is expected to be hidden, if it is sent now: `expected_seconds`, or in
    `unforeseen` why nobody can say it; and how long the last ones took once they were applied. Where something is to be
    applied before, it watches for some seconds how fast that goes. How many records a subject has is counted by reading
    all that its partition knows; of an alias, by reading each partition that knows a subject by it.

    \b
    Examples:
      unlearn preview --record 42 --subject alice
      unlearn preview --subject alice --json
      unlearn preview --alias sha256:9f86d081
    """
    if (record is None and subject is None) == (alias is None):
        raise click.UsageError("give --record, --subject or both, or --alias alone")
    from unlearn.admin.input.id_lists import check_id

    for given, what in ((record, "the record id"), (subject, "the subject id"), (alias, "the alias")):
        if given is not None:
            check_id(given, what)
    settings = context.settings(ctx)
    with open_redis(settings) as client:
        made = made_as(settings, client)
        preview = _preview(made, client, record, subject, alias)
        seconds, expected = _expected(made, client, record, subject)
    if as_json:
        shards = [shard._asdict() for shard in preview.shards]
        named = {"record_id": record, "subject_id": subject, "alias": alias}
        told = {"records": preview.records, "shards": shards, "took": seconds._asdict(), **expected._asdict()}
        click.echo(context.to_json({**named, **told}))
    else:
        _show(preview, seconds, expected)


def _expected(made: Settings, client: redis.Redis, record: str | None, subject: str | None) -> tuple[Took, Forecast]:
    """How long the last deletions took from their application, and how long one that is sent now is expected to."""
    from unlearn.admin.forecast import forecast, watched
    from unlearn.admin.preview import last_took, would_apply
    from unlearn.admin.status.reader import StatusReader
    from unlearn.learners import learner_of

    with open_log(made) as log:
        took, partitions = last_took(log, made), would_apply(made, record, subject)
        with closing(StatusReader(made, log, client, learner_of(made).forgets)) as reader:
            looks = watched(lambda: reader.read().partitions, partitions, made.lease)
    return took, forecast(looks, partitions, took, made.lease)


def _preview(
    made: Settings, client: redis.Redis, record: str | None, subject: str | None, alias: str | None
) -> Preview:
    from unlearn.admin.lookup import Lookup
    from unlearn.admin.preview import of_alias, of_record, of_subject
    from unlearn.identity import identity_of
    from unlearn.learners import learner_of

    lookup = Lookup(made, client, identity_of(made, learner_of(made)))
    if record is not None:
        places = lookup.records([record])[0] if subject is None else lookup.records_of([record], subject)
        return of_record(places)
    with _progress() as bar:
        task = bar.add_task("reading the partition's records", total=None)
        place, read = (made, client, lookup), lambda count: bar.update(task, completed=count)
        if alias is not None:
            return of_alias(*place, alias, read)
        assert subject is not None
        return of_subject(*place, subject, read)


def _progress() -> Progress:
    from rich.progress import TextColumn, TimeElapsedColumn

    return context.progress(TextColumn("{task.description}"), TextColumn("{task.completed:,}"), TimeElapsedColumn())


def _show(preview: Preview, took: Took, expected: Forecast) -> None:
    where = ", ".join(f"{s.records} in shard {s.shard} of partition {s.partition}" for s in preview.shards)
    click.echo(f"{preview.records} records would be forgotten" + (f": {where}" if where else ""))
    if expected.expected_seconds is None:
        click.echo(f"nobody can say when it would be hidden: {expected.unforeseen}")
    else:
        click.echo(f"sent now it is expected to be hidden in {expected.expected_seconds:.3g} s")
    if took.median is not None and took.most is not None:
        seconds = f"{took.median:.3g} s until they were hidden, {took.most:.3g} s at most"
        click.echo(f"the last {took.deletions} deletions took, from when they were applied, {seconds}")

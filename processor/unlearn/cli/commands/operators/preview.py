"""`unlearn preview`: what a deletion would kill, before it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import made_as, open_log, open_redis

if TYPE_CHECKING:
    from rich.progress import Progress

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

    It says, too, how long the last ones took until they were hidden. How many records a subject has is counted by
    reading all that its partition knows; of an alias, by reading each partition that knows a subject by it.

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
    preview = _preview(settings, record, subject, alias)
    from unlearn.admin.preview import last_took

    with open_log(settings) as log:
        seconds = last_took(log, settings)
    if as_json:
        shards = [shard._asdict() for shard in preview.shards]
        named = {"record_id": record, "subject_id": subject, "alias": alias}
        click.echo(context.to_json({**named, "records": preview.records, "shards": shards, "took": seconds._asdict()}))
    else:
        _show(preview, seconds)


def _preview(settings: Settings, record: str | None, subject: str | None, alias: str | None) -> Preview:
    from unlearn.admin.lookup import Lookup
    from unlearn.admin.preview import of_alias, of_record, of_subject
    from unlearn.identity import identity_of
    from unlearn.learners import learner_of

    with open_redis(settings) as client:
        made = made_as(settings, client)
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


def _show(preview: Preview, took: Took) -> None:
    where = ", ".join(f"{s.records} in shard {s.shard} of partition {s.partition}" for s in preview.shards)
    click.echo(f"{preview.records} records would be forgotten" + (f": {where}" if where else ""))
    if took.median is None or took.most is None:
        click.echo("no deletion was hidden lately, so nobody can say how long it takes")
        return
    seconds = f"{took.median:.3g} s until they were hidden, {took.most:.3g} s at most"
    click.echo(f"the last {took.deletions} deletions took {seconds}")

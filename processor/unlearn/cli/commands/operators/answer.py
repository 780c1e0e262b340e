"""`unlearn answer`: what became of a record, a subject or an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import made_as, open_log, open_redis
from unlearn.cli.fitting import Fitting
from unlearn.errors import InputInvalid

if TYPE_CHECKING:
    from unlearn.admin.answering.question import Kind, Question
    from unlearn.admin.answering.report import Answer
    from unlearn.settings import Settings

_TITLES = ("time", "place", "what")


@click.command(cls=Command)
@click.option("--event", metavar="ID", help="The event with this event_id, and what became of it.")
@click.option("--subject", metavar="ID", help="All events that touch this subject and its records.")
@click.option("--record", metavar="ID", help="All events that touch this record, under every subject.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object; `unlearn schemas` has its schema.")
@click.pass_context
def command(ctx: click.Context, event: str | None, subject: str | None, record: str | None, as_json: bool) -> None:
    """Tell what became of a record, a subject or an event.

    When it came, which versions held it, what deleted it, and what was answered, each with time and place. It reads
    the events topic, so it knows as much as that still holds; what isn't known is said. No worker need run.

    \b
    Examples:
      unlearn answer --subject alice
      unlearn answer --record 42 --json
      unlearn answer --event forget-1234
    """
    given: dict[Kind, str | None] = {"event": event, "subject": subject, "record": record}
    named = [(kind, each) for kind, each in given.items() if each is not None]
    if len(named) != 1:
        raise click.UsageError("give one of --event, --subject and --record")
    from unlearn.admin.answering.question import Question
    from unlearn.admin.input.id_lists import check_id

    ((kind, asked),) = named
    check_id(asked, f"the {kind} id")
    settings = context.settings(ctx)
    if kind == "subject" and not settings.subjects:
        raise InputInvalid("the model has no subjects (UNLEARN_SUBJECTS=false): ask by --record")
    answer = _answer(settings, Question(kind, asked))
    if as_json:
        click.echo(context.to_json(_as_json(answer)))
    else:
        _show(answer)


def _answer(settings: Settings, question: Question) -> Answer:
    from unlearn.admin.answering.answer import Answerer

    with open_redis(settings) as client, open_log(settings) as log, context.reading() as progress:
        return Answerer(made_as(settings, client), log, client, progress).answer(question)


def _as_json(answer: Answer) -> dict[str, object]:
    """The answer with the id that was asked for, and no other."""
    found = answer.model_dump(mode="json")
    ids = ("record_id", "subject_id", "event_id")
    return {name: value for name, value in found.items() if name not in ids or value is not None}


def _show(answer: Answer) -> None:
    from unlearn.admin.answering.lines import headline, lines

    console = context.console()
    console.print(context.printable(headline(answer)), soft_wrap=True, markup=False)
    table = Fitting(_TITLES, words=_TITLES, wraps="what")
    for line in (found := lines(answer)):
        table.add_row(line.at or "-", line.place, context.printable(line.what))
    if found:
        console.print(table)
    for note in answer.notes:
        click.echo(f"note: {context.printable(note)}", err=True)

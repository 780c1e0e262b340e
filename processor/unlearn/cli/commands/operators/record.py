"""`unlearn record`: where records and subjects stand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import made_as, open_redis

if TYPE_CHECKING:
    import redis

    from unlearn.admin.lookup import Found, Lookup
    from unlearn.settings import Settings

_CHUNK = 1000
_STYLES = {"member": "green", "forgotten": "yellow", "unknown": "dim"}


@click.command(cls=Command)
@click.argument("ids", nargs=-1, required=True, metavar="ID...|-")
@click.option("--subject", "of_subjects", is_flag=True, help="The ids are those of subjects.")
@click.option("--of", "owner", metavar="SUBJECT", help="Ask about this subject's records only.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.pass_context
def command(ctx: click.Context, ids: tuple[str, ...], of_subjects: bool, owner: str | None, as_json: bool) -> None:
    """Say whether records are members, forgotten or unknown.

    That is as far as the log is applied. A record id that several subjects use has a line for each. A subject is
    a member from its first record to its own deletion. An id that no event has named is unknown, unless --of says
    whose it would be: then it is forgotten where that subject is. With - the ids are read from the standard input,
    one a line.

    \b
    Examples:
      unlearn record 42
      unlearn record --of alice 42 43
      unlearn record --subject --json - < leavers.txt
    """
    if of_subjects and owner is not None:
        raise click.UsageError("give --of with record ids, not with --subject")
    settings = context.settings(ctx)
    name = "subject_id" if of_subjects else "record_id"
    if owner is not None:
        from unlearn.admin.input.id_lists import check_id

        check_id(owner, "the subject id")
    from unlearn.admin.lookup import Lookup

    with open_redis(settings) as client:
        lookup = Lookup(settings, client, _identity(settings, client))
        given = _ids(ids)
        while chunk := list(islice(given, _CHUNK)):
            for each, places in zip(chunk, _find(lookup, chunk, of_subjects, owner), strict=True):
                for place in places:
                    _show(name, each, place, as_json)


def _identity(settings: Settings, client: redis.Redis) -> str:
    from unlearn.identity import identity_of
    from unlearn.learners import learner_of

    made = made_as(settings, client)
    return identity_of(made, learner_of(made))


def _find(lookup: Lookup, ids: list[str], of_subjects: bool, owner: str | None) -> list[list[Found]]:
    if of_subjects:
        return [[place] for place in lookup.subjects(ids)]
    if owner is not None:
        return [[place] for place in lookup.records_of(ids, owner)]
    return lookup.records(ids)


def _ids(ids: tuple[str, ...]) -> Iterator[str]:
    """The arguments, or the lines of the standard input. Raises InputInvalid."""
    from unlearn.admin.input.id_lists import check_id, read_whole_lines

    if ids == ("-",):
        yield from read_whole_lines(sys.stdin.buffer, separators=True)
        return
    for number, given in enumerate(ids, 1):
        check_id(given, f"id {number}")
        yield given


def _show(name: str, given: str, place: Found, as_json: bool) -> None:
    if as_json:
        click.echo(context.to_json({name: given, **place._asdict()}))
        return
    from rich.text import Text

    line = Text(context.printable(given) + "  ")
    line.append(place.state, _STYLES[place.state])
    details = _details(place)
    context.console().print(line + Text(f"  {details}") if details else line, soft_wrap=True)


def _details(place: Found) -> str:
    shown = {
        "partition": place.partition,
        "offset": place.offset,
        "shard": place.shard,
        "slice": place.slice,
        "revision": place.revision,
    }
    open_slice = [", open slice"] if place.state == "member" and place.slice is None else []
    if place.state == "unknown" and place.partition is None:
        return "no record of this id came; with --of SUBJECT it is forgotten where its subject is"
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value is not None) + "".join(open_slice)

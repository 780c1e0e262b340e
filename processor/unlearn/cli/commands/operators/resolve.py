"""`unlearn resolve`: possible deletions that could not be read are listed, and closed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click

from unlearn.cli import context
from unlearn.cli.command import Command
from unlearn.cli.connect import made_as, open_log, open_redis
from unlearn.cli.open_deletions import Row, open_rows, show
from unlearn.cli.requests import request_and_wait, tables, wait_option
from unlearn.errors import InputInvalid

if TYPE_CHECKING:
    import redis

    from unlearn.log.protocol import Log
    from unlearn.operator_requests.places import OpenPlaces, Places
    from unlearn.partition.tables import Tables
    from unlearn.settings import Settings

_LACKING = 10
"""How many places at which nothing is open are named."""


class Named(NamedTuple):
    """Places, and how they were given."""

    label: str
    places: Places


@click.command(cls=Command)
@click.argument("places", nargs=-1, metavar="[PARTITION/OFFSET | PARTITION/FROM..TO]...")
@click.option("--sent", is_flag=True, help="A readable deletion was sent instead of each.")
@click.option("--none", is_flag=True, help="They were no deletions.")
@click.option("--reason", metavar="TEXT", help="Close those of this reason: its text, or a part that no other has.")
@click.option(
    "--places",
    "file",
    type=click.File("rb"),
    metavar="FILE|-",
    help="Close those in FILE: a place or a range a line, or rows of --json, which mean those of their reason.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line; for the list.")
@wait_option
@click.pass_context
def command(
    ctx: click.Context,
    places: tuple[str, ...],
    sent: bool,
    none: bool,
    reason: str | None,
    file: BinaryIO | None,
    as_json: bool,
    wait: float,
) -> int:
    """List or close possible deletions that could not be read.

    Or that could not be sent on. Close one at PARTITION/OFFSET after you have sent its sender's wish as a readable
    deletion (--sent), or found that it was none (--none). A range means all that are open from one offset to the
    other, both within; a reason without places all that are open now for that reason. FILE may also have rows of
    `unlearn pending --json`, and dead letters. Where nothing is open at one of the places, it is named, and none is
    closed.

    What is closed is told to the dead-letter topic, where its reason was. It stays closed unless Redis is rolled back
    or built anew: then it is open again. Where a partition is stopped at records that can't be decoded, its place
    steps over them; what lay there then stays open as one possible deletion.

    Where a partition is stopped because the log has lost its end, the deletions are listed too that are known by
    their receipts and not in the log any more. They leave the list once they are sent again.

    \b
    Examples:
      unlearn resolve
      unlearn resolve 0/1234 2/77 --sent
      unlearn resolve 0/100..5000 --none
      unlearn resolve --reason "not JSON in UTF-8" --none
      unlearn resolve --places seen.txt --none
      unlearn resolve --json | grep Debezium | unlearn resolve --places - --sent
    """
    closes = bool(places) or reason is not None or file is not None
    if (sent and none) or closes != (sent or none):
        raise click.UsageError("give places or a reason and one of --sent and --none, or nothing to have the list")
    settings = context.settings(ctx, demo=True)
    named = _named(places, file)
    with open_redis(settings) as client:
        if closes:
            return _close(client, settings, named, reason, "sent" if sent else "none", wait)
        with open_log(settings) as log:
            show([*open_rows(_open(client, settings)), *_lost(client, settings, log)], as_json)
    return 0


def _open(client: redis.Redis, settings: Settings) -> dict[int, Tables]:
    with open_log(settings) as log:
        return tables(client, settings.model, range(log.partitions(settings.events_topic)))


def _lost(client: redis.Redis, settings: Settings, log: Log) -> Iterator[Row]:
    """Deletions that the log lost after they were applied, in partitions that are stopped for it."""
    from unlearn.admin.lost_deletions import lost_deletions, stopped_for_loss
    from unlearn.errors import SettingsError
    from unlearn.events.parsing import parser_of
    from unlearn.learners import learner_of
    from unlearn.state.scripts import states

    state_of = states(client, settings.model)
    settings = made_as(settings, client)
    try:
        since = stopped_for_loss(settings, log, state_of)
    except SettingsError as error:
        click.echo(str(error), err=True)
        return
    parser = parser_of(learner_of(settings), settings.reading)
    for lost in lost_deletions(settings, log, state_of, parser, since) if since else ():
        reason = f"the deletion {json.dumps(lost.event_id)} was applied, and the log has lost it since: "
        yield Row(f"{lost.partition}/{lost.offset}", None, None, reason + "send it again with this event_id", 1)


def _close(
    client: redis.Redis, settings: Settings, named: Sequence[Named], reason: str | None, verdict: str, wait: float
) -> int:
    from unlearn.operator_requests.places import OpenPlaces, requests_to_close
    from unlearn.operator_requests.requests import resolve

    asked = {one.places.partition for one in named}
    views = tables(client, settings.model, asked) if named else _open(client, settings)
    meant = None if reason is None else _meant(views, reason)
    open_places = {partition: OpenPlaces(view) for partition, view in views.items()}
    named = list(_with_reason(named, meant) if named else _whole(views, open_places, meant))
    stands_at = _stands_at(client, settings, views)
    over = {one.places for one in named if _single(one.places) == stands_at[one.places.partition] is not None}
    lacking = [
        one for one in named if one.places not in over and not open_places[one.places.partition].hold(one.places)
    ]
    if lacking:
        raise InputInvalid(_nothing_at(lacking))
    requests = requests_to_close((one.places for one in named), open_places, verdict)
    for places in over:
        requests.setdefault(places.partition, {}).update([resolve(places.first, verdict)])
    return request_and_wait(client, settings.model, requests, wait)


def _named(places: Iterable[str], file: BinaryIO | None) -> list[Named]:
    """The places that were given, by argument and by file. Raises InputInvalid, also where the file has none."""
    from unlearn.admin.input.place_lists import read_place, read_places

    of_file = [] if file is None else [Named(f"{one} (line {at})", one) for at, one in read_places(file)]
    if file is not None and not of_file:
        raise InputInvalid("there is no place in the input")
    return [Named(given, read_place(given)) for given in places] + of_file


def _with_reason(named: Iterable[Named], reason: str | None) -> Iterator[Named]:
    """The places, of this reason where one is given. Raises InputInvalid where a row is of another."""
    for one in named:
        if None not in (reason, one.places.reason) and one.places.reason != reason:
            raise InputInvalid(f"{one.label} is open because of {one.places.reason!r}, not of {reason!r}")
        yield one if reason is None else one._replace(places=one.places._replace(reason=reason))


def _whole(views: Mapping[int, Tables], held: Mapping[int, OpenPlaces], reason: str | None) -> Iterator[Named]:
    """All that is applied now: nobody can have seen, and meant, what comes later."""
    from unlearn.operator_requests.places import Places

    for partition, view in views.items():
        places = Places(partition, 0, max(0, view.applied - 1), reason)
        if held[partition].hold(places):
            yield Named(f"partition {partition}", places)


def _single(places: Places) -> int | None:
    """The only offset of the places, if they are of one and of any reason."""
    return places.first if places.first == places.last and places.reason is None else None


def _nothing_at(lacking: Sequence[Named]) -> str:
    told = [
        label if places.reason is None else f"{label} because of {places.reason!r}"
        for label, places in lacking[:_LACKING]
    ]
    more = f", and at {len(lacking) - _LACKING} more" if len(lacking) > _LACKING else ""
    return f"nothing is unresolved at {', '.join(told)}{more}; none is closed, `unlearn resolve` lists what is open"


def _stands_at(client: redis.Redis, settings: Settings, partitions: Iterable[int]) -> dict[int, int | None]:
    """Partition -> the offset at which its owner can't go on because the log can't be decoded there; None if it can."""
    from unlearn.state.scripts import states

    state_of = states(client, settings.model)
    return {partition: state_of(partition).unreadable() for partition in partitions}


def _meant(views: Mapping[int, Tables], text: str) -> str:
    """The one reason among the open ones that is the text, or contains it.

    Raises InputInvalid if none does, or several.
    """
    reasons = {held.reason for view in views.values() for held in view.still_open()}
    found = [text] if text in reasons else sorted(reason for reason in reasons if text in reason)
    if len(found) == 1:
        return found[0]
    said = "; ".join(sorted(found or reasons)) or "nothing is unresolved"
    raise InputInvalid(f"{text!r} is the reason of {'several' if found else 'none'}: {said}")

"""`unlearn resolve`: possible deletions that could not be read are listed, and closed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

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
    from unlearn.partition.tables import Tables
    from unlearn.settings import Settings

_FORM = "write PARTITION/OFFSET, such as 0/1234, or PARTITION/FROM..TO"
_LONGEST = 18
"""Digits that an offset may have; Python refuses to read very long numbers."""


class Places(NamedTuple):
    """Offsets of one partition, `first` and `last` included, and the text by which they were given."""

    partition: int
    first: int
    last: int
    given: str


@click.command(cls=Command)
@click.argument("places", nargs=-1, metavar="[PARTITION/OFFSET | PARTITION/FROM..TO]...")
@click.option("--sent", is_flag=True, help="A readable deletion was sent instead of each.")
@click.option("--none", is_flag=True, help="They were no deletions.")
@click.option("--reason", metavar="TEXT", help="Close those of this reason: its text, or a part that no other has.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line; for the list.")
@wait_option
@click.pass_context
def command(
    ctx: click.Context,
    places: tuple[str, ...],
    sent: bool,
    none: bool,
    reason: str | None,
    as_json: bool,
    wait: float,
) -> int:
    """List or close possible deletions that could not be read.

    Or that could not be sent on. Close one at PARTITION/OFFSET after you have sent its sender's wish as a readable
    deletion (--sent), or found that it was none (--none). A range means all that are open from one offset to the
    other, both within; a reason without places all that are open now for that reason. That is told to the
    dead-letter topic, where its reason was. It stays closed unless Redis is rolled back or built anew: then it is
    open again. Where a partition is stopped at records that can't be decoded, its place steps over them; what lay
    there then stays open as one possible deletion.

    Where a partition is stopped because the log has lost its end, the deletions are listed too that are known by
    their receipts and not in the log any more. They leave the list once they are sent again.

    \b
    Examples:
      unlearn resolve
      unlearn resolve 0/1234 2/77 --sent
      unlearn resolve 0/100..5000 --none
      unlearn resolve --reason "not JSON in UTF-8" --none
    """
    if (sent and none) or bool(places or reason is not None) != (sent or none):
        raise click.UsageError("give places or a reason and one of --sent and --none, or nothing to have the list")
    settings = context.settings(ctx, demo=True)
    with open_redis(settings) as client:
        if places or reason is not None:
            return _close(client, settings, places, reason, "sent" if sent else "none", wait)
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
    client: redis.Redis, settings: Settings, places: Sequence[str], reason: str | None, verdict: str, wait: float
) -> int:
    named = list(map(_places, places))
    views = tables(client, settings.model, {p.partition for p in named}) if named else _open(client, settings)
    # Only what is applied now: nobody can have seen, and meant, what comes later.
    named = named or [Places(p, 0, max(0, view.applied - 1), f"partition {p}") for p, view in views.items()]
    meant = None if reason is None else _meant(views, reason)
    stands_at = _stands_at(client, settings, views)
    requests: dict[int, dict[str, str]] = {}
    for one in named:
        stands = reason is None and one.first == one.last == stands_at[one.partition]
        if stands or _holds(views[one.partition], one, meant):
            requests.setdefault(one.partition, {}).update([_request(one, meant, verdict)])
        elif places:
            what = "unresolved" if meant is None else f"unresolved because of {meant!r}"
            raise InputInvalid(f"nothing is {what} at {one.given}; `unlearn resolve` lists what is")
    return request_and_wait(client, settings.model, requests, wait)


def _stands_at(client: redis.Redis, settings: Settings, partitions: Iterable[int]) -> dict[int, int | None]:
    """Partition -> the offset at which its owner can't go on because the log can't be decoded there; None if it can."""
    from unlearn.state.scripts import states

    state_of = states(client, settings.model)
    return {partition: state_of(partition).unreadable() for partition in partitions}


def _request(places: Places, reason: str | None, verdict: str) -> tuple[str, str]:
    from unlearn.operator_requests.requests import resolve, resolve_range

    if places.first == places.last and reason is None:
        return resolve(places.first, verdict)
    return resolve_range(places.first, places.last, reason, verdict)


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


def _holds(view: Tables, places: Places, reason: str | None) -> bool:
    """Whether anything is open there, for the reason if one is given."""
    from unlearn.partition.offset_runs import parted, read_runs

    apart = (held.reason for offset, held in view.unresolved.items() if places.first <= offset <= places.last)
    if any(reason in (None, each) for each in apart):
        return True
    return any(
        reason in (None, held.reason) and bool(parted(read_runs(held.runs), places.first, places.last)[0])
        for first, held in view.open_ranges.items()
        if first <= places.last and held.last >= places.first
    )


def _places(given: str) -> Places:
    first, dots, last = given.partition("..")
    partition, offset = _place(first, given)
    if not dots:
        return Places(partition, offset, offset, given)
    other, end = _place(last if "/" in last else f"{partition}/{last}", given)
    if other != partition or end < offset:
        raise InputInvalid(f"{given!r} is no range within a partition: {_FORM}")
    return Places(partition, offset, end, given)


def _place(text: str, given: str) -> tuple[int, int]:
    partition, _, offset = text.partition("/")
    if not all(part.isascii() and part.isdecimal() and len(part) <= _LONGEST for part in (partition, offset)):
        raise InputInvalid(f"{given!r} is no place: {_FORM}")
    return int(partition), int(offset)

"""The list of possible deletions that are open, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from unlearn.cli import context
from unlearn.cli.fitting import Fitting

if TYPE_CHECKING:
    from unlearn.partition.tables import StillOpen, Tables


@dataclass(frozen=True, slots=True)
class Row:
    """A possible deletion that is open, or `count` of them with one reason.

    Times are ISO 8601 text, None where unknown.
    """

    place: str
    since: str | None
    deadline: str | None
    reason: str
    count: int


def open_rows(views: Mapping[int, Tables]) -> Iterator[Row]:
    """A row for each that is open, partition by partition, in the order of the log."""
    return (_row(partition, held) for partition, view in views.items() for held in view.still_open())


def show(rows: list[Row], as_json: bool) -> None:
    """Print the rows as a table, or with `as_json` as one JSON object a line."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(asdict(row)))
    elif rows:
        context.console().print(_table(rows))
    else:
        click.echo("nothing is unresolved")


def _row(partition: int, held: StillOpen) -> Row:
    from unlearn.moments import iso

    place = f"{partition}/{held.first}"
    if held.total > 1:
        place += f"..{partition}/{held.last}"
    return Row(place, iso(held.since), iso(held.deadline), held.reason, held.total)


def _table(rows: list[Row]) -> Fitting:
    table = Fitting(("place", "since", "deadline", "reason"), words=("place", "since", "deadline"), wraps="reason")
    for row in rows:
        place = row.place if row.count == 1 else f"{row.place} ({row.count:,})"
        table.add_row(place, _short(row.since), _short(row.deadline), row.reason)
    return table


def _short(time: str | None) -> str:
    return "-" if time is None else time.replace("+00:00", "Z")

"""The answer as lines for people, by time. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from unlearn.admin.answering.report import Answer, Cause, EventTold, ReceiptTold, RowTold, SeenTold

__all__ = ["Line", "headline", "lines"]


class Line(NamedTuple):
    """A moment (RFC 3339; empty if it isn't known), a place in the log or a version, and what was there."""

    at: str
    place: str
    what: str


def headline(answer: Answer) -> str:
    """Where what was asked about stands."""
    name = answer.record_id or answer.subject_id or answer.event_id or ""
    if answer.state is None:
        return name
    if answer.since is None:
        return f"{name}: {answer.state}"
    since, at = answer.since, answer.since.at or "a time that is not known"
    by = "" if since.type == "insert" else f", by {since.event_id}"
    lifted = "; what comes now is taken" if answer.holds is False else ""
    return f"{name}: {answer.state} since {at}{by} ({since.partition}/{since.offset}){lifted}"


def lines(answer: Answer) -> list[Line]:
    """What happened, by time; what an event led to stands behind it."""
    told: list[tuple[str, bool, Line]] = []
    for event in answer.events:
        after = ""
        for led_to, line in enumerate(_of_event(event)):
            # The clocks of brokers and owners differ a little.
            after = max(after, line.at)
            told.append((after, led_to > 0, line._replace(at=after if line.at else "")))
    return [line for _, _, line in sorted(told, key=lambda one: one[:2])]


def _of_event(event: EventTold) -> Iterator[Line]:
    yield Line(event.at or "", f"{event.partition}/{event.offset}", f"{_named(event)}: {_became(event)}")
    if event.row is not None:
        yield from _of_row(event, event.row)
    for receipt in event.receipts:
        yield Line(receipt.at or "", "", f"{event.event_id} {receipt.state}{_details(receipt)}")


def _named(event: EventTold) -> str:
    if event.type is None:
        return event.event_id
    record = "" if event.record_id is None else f" record {event.record_id}"
    of = " of" if record and event.subject_id is not None else ""
    subject = "" if event.subject_id is None else f"{of} subject {event.subject_id}"
    revision = f" revision {event.revision}" if event.revision else ""
    scope = " so far" if event.scope is not None else ""
    alias = "" if event.alias is None else f" alias {event.alias}"
    return f"{event.type} {event.event_id},{record}{subject}{alias}{revision}{scope}"


def _became(event: EventTold) -> str:
    because = event.because
    if event.outcome == "refused" and because is not None:
        what = "its record" if because.record_id else "its subject" if because.alias is None else "whom its alias names"
        return f"refused: {what} is forgotten since {because.at or 'a time that is not known'} by {_place(because)}"
    reason = "" if event.reason is None else f": {event.reason}"
    stands = "" if because is None else f" ({_place(because)})"
    return f"{event.outcome}{reason}{stands}"


def _of_row(event: EventTold, row: RowTold) -> Iterator[Line]:
    record = f"record {event.record_id}"
    if row.first_version is not None:
        yield _version(row.first_version, f"the first version that holds {record}")
    if row.ended is not None:
        ended = row.ended
        by = "a later revision" if ended.type == "insert" else "deletion"
        yield Line(ended.at or "", f"{ended.partition}/{ended.offset}", f"{record} ends, by {by} {ended.event_id}")
    if row.last_version is not None and row.without is not None:
        yield _version(
            row.without, f"the first version without {record}; the last that held it is {_number(row.last_version)}"
        )
    if row.first_version is None:
        known = "no version has held" if row.versions_known else "it isn't known whether any version has held"
        yield Line("", "", f"{known} {record} of {event.event_id}")


def _version(seen: SeenTold, what: str) -> Line:
    return Line(seen.at or "", f"version {_number(seen)}", what)


def _number(seen: SeenTold) -> str:
    return str(seen.version) if seen.exact else f"{seen.version} or another near it, not all are known"


def _details(receipt: ReceiptTold) -> str:
    said = []
    if receipt.version is not None:
        said.append(f"from version {receipt.version} on")
    if receipt.records is not None:
        said.append(f"{receipt.records} record{'' if receipt.records == 1 else 's'}")
    if receipt.met is not None:
        said.append(f"deadline {receipt.deadline} {'met' if receipt.met else 'missed'}")
    if receipt.reason is not None:
        said.append(receipt.reason)
    return f": {', '.join(said)}" if said else ""


def _place(cause: Cause) -> str:
    return f"{cause.event_id} at {cause.partition}/{cause.offset}"

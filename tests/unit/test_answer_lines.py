"""The lines of an answer: by time, what an event led to behind it, and no time earlier than its cause's."""

from __future__ import annotations

from typing import Any

from unlearn.admin.answering.lines import headline, lines
from unlearn.admin.answering.report import Answer, Cause, EventTold, ReceiptTold, RowTold, SeenTold

EARLY, LATER, LAST = (f"2026-03-0{day}T00:00:00.000Z" for day in (1, 2, 3))
LEAVE = Cause(type="delete", event_id="leave", record_id=None, subject_id="ann", partition=2, offset=9, at=LATER)


def event(kind: Any, event_id: str, at: str | None, offset: int, **more: Any) -> EventTold:
    given: dict[str, Any] = {"record_id": None, "subject_id": "ann", "revision": None, "scope": None, "reason": None}
    given |= {"applied_at": None, "because": None, "row": None, "receipts": ()}
    return EventTold(type=kind, event_id=event_id, at=at, partition=2, offset=offset, **{**given, **more})


def seen(version: int, at: str, *, exact: bool = True) -> SeenTold:
    return SeenTold(version=version, at=at, exact=exact)


def row(**more: Any) -> RowTold:
    given: dict[str, Any] = {"ended": LEAVE, "first_version": seen(5, EARLY), "last_version": seen(7, EARLY)}
    given |= {"without": seen(8, LAST), "versions_known": True}
    return RowTold(partition=2, shard=0, slot=4, **{**given, **more})


def answer(*events: EventTold, **more: Any) -> Answer:
    given: dict[str, Any] = {"subject_id": "ann", "state": "forgotten", "since": LEAVE, "holds": True}
    return Answer(events=events, notes=(), **{**given, **more})


def test_what_an_event_led_to_stands_behind_it_at_no_earlier_time() -> None:
    hidden = ReceiptTold(state="hidden", at=EARLY, records=1, version=8, deadline=LAST, met=True, reason=None)
    told = answer(
        event("insert", "e", EARLY, 4, record_id="r", outcome="inserted", row=row()),
        event("delete", "leave", LATER, 9, outcome="deleted", receipts=(hidden,)),
    )

    assert [(line.at, line.place, line.what) for line in lines(told)] == [
        (EARLY, "2/4", "insert e, record r of subject ann: inserted"),
        (EARLY, "version 5", "the first version that holds record r"),
        (LATER, "2/9", "delete leave, subject ann: deleted"),
        (LATER, "2/9", "record r ends, by deletion leave"),
        (LATER, "", f"leave hidden: from version 8 on, 1 record, deadline {LAST} met"),
        (LAST, "version 8", "the first version without record r; the last that held it is 7"),
    ]


def test_what_is_not_known_is_said() -> None:
    nothing = row(first_version=None, last_version=None, without=None, versions_known=False)
    told = answer(
        event("insert", "e", None, 4, record_id="r", outcome="inserted", row=nothing),
        event(
            "insert",
            "f",
            EARLY,
            5,
            record_id="s",
            outcome="inserted",
            row=row(first_version=seen(5, EARLY, exact=False)),
        ),
        since=None,
    )

    said = "\n".join(f"{line.place} {line.what}" for line in lines(told))
    assert "it isn't known whether any version has held record r of e" in said
    assert "version 5 or another near it, not all are known" in said
    assert headline(told) == "ann: forgotten"


def test_the_headline_says_since_when_and_whether_it_holds() -> None:
    assert headline(answer()) == f"ann: forgotten since {LATER}, by leave (2/9)"
    assert headline(answer(holds=False)).endswith("(2/9); what comes now is taken")
    assert headline(answer(subject_id=None, event_id="e", state=None, since=None)) == "e"

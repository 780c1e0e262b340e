"""What becomes of many deletions, by the receipts that were seen."""

from __future__ import annotations

import json

import pytest

from unlearn.admin.forget import Requests, State
from unlearn.events.event import Delete
from unlearn.events.parsing import parse
from unlearn.log.protocol import Entry
from unlearn.results.manifest import Receipt

IDS = ["ann", "bob", "ann", "cleo"]


def requests() -> Requests:
    made = Requests("subject_id", IDS, "run", "2026-01-01")
    made.sent(0, 10)
    return made


def told(event_id: str, state: str, reason: str | None = None) -> Entry:
    value = json.dumps({"event_id": event_id, "state": state, "partition": 0, "offset": 0, "reason": reason})
    return Entry(0, 0, 0, event_id.encode(), value.encode())


def states(made: Requests) -> dict[str, State]:
    return {one.id: one.state for one in made.open()}


def test_each_id_has_one_event_that_a_worker_reads() -> None:
    made = Requests("record_id", IDS, "run", "2026-01-01")

    events = made.events(0, 2) + made.events(2, 9)

    assert [key for key, _ in events] == [b"ann", b"bob", b"cleo"]
    parsed = [parse(value) for _, value in events]
    assert parsed == [
        Delete(event_id=f"run-{at}", record_id=name, requested_at="2026-01-01")
        for at, name in enumerate(["ann", "bob", "cleo"])
    ]


def test_nothing_is_sent_before_it_is_said_so() -> None:
    made = Requests("subject_id", IDS, "run", "2026-01-01")
    made.sent(0, 2)

    assert states(made) == {"ann": "sent", "bob": "sent", "cleo": "unsent"}


def test_receipts_move_a_deletion_on_and_never_back() -> None:
    made = requests()

    made.take(
        [told("run-0", "accepted"), told("run-0", "hidden"), told("run-0", "accepted"), told("run-1", "accepted")]
    )

    assert states(made) == {"bob": "accepted", "cleo": "sent"}
    assert (made.ended, made.counts["hidden"]) == (1, 1)


def test_a_refusal_ends_a_deletion_and_keeps_its_reason() -> None:
    made = requests()

    made.take([told("run-2", "refused", "why")])

    assert [(one.event_id, one.state, one.reason) for one in made.open()][-1] == ("run-2", "refused", "why")
    assert made.ended == 1


@pytest.mark.parametrize(
    "record",
    [
        told("other-0", "hidden"),
        told("run-3", "hidden"),
        told("run-x", "hidden"),
        told("run-", "hidden"),
        told("run-\u0663", "hidden"),
        Entry(0, 0, 0, None, b"{}"),
        Entry(0, 0, 0, b"run-0", None),
        Entry(0, 0, 0, b"run-0", b"\xff"),
        Entry(0, 0, 0, b"run-0", b'{"state": "hidden"}'),
    ],
)
def test_what_is_no_receipt_of_this_run_changes_nothing(record: Entry) -> None:
    made = requests()

    made.take([record])

    assert made.counts == {"sent": 3, "unsent": 0}


def test_a_receipt_of_a_later_kind_ends_nothing() -> None:
    made = requests()

    made.take([told("run-0", "lifted")])

    assert Receipt.model_validate_json(told("run-0", "lifted").value or b"").state == "lifted"
    assert made.ended == 0

"""What stands among the receipts and is none that this release knows, and what its readers do about it."""

from __future__ import annotations

import json

import pytest

from tests.unit.gateway.test_known import ONE, note
from unlearn.admin.answering.receipts import receipts_told
from unlearn.admin.answering.story import Story
from unlearn.admin.drop import NOT_FOUND, Drop
from unlearn.admin.forget import Requests
from unlearn.admin.input.drop_lists import Listed
from unlearn.cli.formats.asyncapi import TOPICS
from unlearn.cli.formats.schemas import MODELS, schemas
from unlearn.client.following import Answers
from unlearn.client.took import took
from unlearn.demo.watching.story import Seen
from unlearn.events.event import Delete
from unlearn.events.parsing import parse
from unlearn.gateway.requests.known import Known
from unlearn.gateway.requests.notes import read_note
from unlearn.gateway.requests.request import standing_of
from unlearn.log.protocol import Entry
from unlearn.results.manifest import Receipt, read_receipt

AT = "2026-03-01T09:30:00.000Z"
NEW = {"records": 7, "reason": "why", "accepted_at": AT, "at": AT, "more": "of it"}
"""What a receipt of a later state may say."""


def later(event_id: str) -> list[Entry]:
    """A receipt of a state that isn't known, and a gateway's note."""
    said = {"event_id": event_id, "state": "buried", "partition": 0, "offset": 5, **NEW}
    values = json.dumps(said).encode(), note((0, 5), event_id=event_id).encoded()
    return [Entry(at, 0, 0, event_id.encode(), value) for at, value in enumerate(values)]


def hidden(event_id: str) -> Entry:
    said = Receipt(event_id=event_id, state="hidden", partition=0, offset=5, records=0, accepted_at=AT, at=AT)
    return Entry(9, 0, 0, event_id.encode(), said.encode())


def test_all_that_stands_on_the_topic_is_of_a_message_that_asyncapi_lists_for_it() -> None:
    assert list(TOPICS["receipts"].keys) == ["receipt", "note"]
    assert "enum" not in schemas()["receipt"]["properties"]["state"]
    for record, name in zip(later("d1"), TOPICS["receipts"].keys, strict=True):
        assert record.value is not None
        MODELS[name].model_validate_json(record.value)
        Receipt.model_validate_json(record.value)
    assert set(json.loads(later("d1")[1].value or b"")) == set(schemas()["note"]["properties"])


def test_a_note_is_no_receipt_and_a_receipt_no_note() -> None:
    receipt, noted = later("d1")

    assert (read_receipt(noted.value), read_note(receipt.value)) == (None, None)
    assert read_note(noted.value) == note((0, 5), event_id="d1")


def test_forget_waits_on_and_keeps_no_reason() -> None:
    asked = Requests("subject_id", ["ann"], "run", "2026-01-01")
    asked.sent(0, 1)

    asked.take(later("run-0"))
    assert [(one.state, one.reason) for one in asked.open()] == [("sent", "")]
    asked.take([hidden("run-0"), *later("run-0")])

    assert [*asked.open()] == []


def test_drop_waits_on_and_counts_nothing() -> None:
    asked = Drop([Listed("1", "aa")], "sha256:", {}, "run", "2024-01-01")
    ((_, value),) = asked.events(0, 1)
    asked.sent(0, 1)
    event = parse(value)
    assert isinstance(event, Delete)

    asked.take(later(event.event_id))
    assert ([one.state for one in asked.open()], asked.seen) == (["sent"], 0)
    asked.take([hidden(event.event_id), *later(event.event_id)])

    assert [*asked.answers()] == [("1", NOT_FOUND)]


def test_the_client_keeps_what_it_knows() -> None:
    answers = Answers()

    for record in [*later("d1"), hidden("d1"), *later("d1")]:
        if (receipt := read_receipt(record.value)) is not None:
            answers.take(receipt)

    assert answers.at((0, 5))["hidden"].records == 0


def test_the_gateway_moves_nothing_by_it() -> None:
    known = Known()
    known.take_event(ONE, (0, 5))

    receipt = read_receipt(later("r1")[0].value)
    assert receipt is not None
    known.take_receipt(receipt)

    told = standing_of(next(known.changed()))
    assert (told.status, told.records, told.reason) == ("pending", None, None)
    assert known.expected(0) is None


def test_the_demo_and_the_prediction_pass_over_it() -> None:
    seen, records = Seen(), [*later("d1"), hidden("d1")]

    seen.add_receipts(records)

    assert (list(seen.hidden), list(seen.accepted)) == ([(0, 5)], [])
    assert took([one for record in records if (one := read_receipt(record.value)) is not None]).deletions == 1


@pytest.mark.parametrize(("known", "outcome"), [(True, "deleted"), (False, "waiting")])
def test_answer_shows_it_and_concludes_nothing_from_it(known: bool, outcome: str) -> None:
    records = [*later("d1"), *([hidden("d1")] if known else [])]
    receipts = [one for record in records if (one := read_receipt(record.value)) is not None]

    assert [one.state for one in receipts_told(receipts)] == ["buried", "hidden"][: 1 + known]
    (event,) = Story(True, [], {}, {}, receipts).told()
    assert (event.outcome, event.reason is None) == (outcome, known)

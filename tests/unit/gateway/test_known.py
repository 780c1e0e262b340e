"""The index of requests: what events, receipts and notes make of a request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from tests.unit.gateway.test_tickets import TICKET
from unlearn.gateway.requests.known import Known
from unlearn.gateway.requests.notes import Note, Told, read_note
from unlearn.gateway.requests.request import Request, Standing, standing_of
from unlearn.gateway.requests.ticket import Ticket
from unlearn.results.manifest import Receipt, read_receipt
from unlearn.timestamps import parse_timestamp

ONE = replace(TICKET, parts=1, subject="ann")


def receipt(
    state: Literal["accepted", "hidden", "refused", "lifted"],
    place: tuple[int, int],
    records: int | None = None,
    **more: Any,
) -> Receipt:
    given = {"event_id": "r1", "accepted_at": "2026-03-01T09:30:00.000Z", "at": "2026-03-01T09:30:02.000Z"}
    return Receipt(state=state, partition=place[0], offset=place[1], records=records, **{**given, **more})


def note(place: tuple[int, int], status: str = "completed", **more: Any) -> Note:
    given = {"event_id": "r1", "state": "notified", "callback": 0, "records": None, "tries": 1, "at": None, **more}
    return Note(partition=place[0], offset=place[1], status=status, **given)


def found(known: Known, ticket: Ticket = ONE) -> Request:
    request = known.find(ticket.controller, ticket.request_id)
    assert request is not None
    return request


def standing(known: Known) -> tuple[str, int | None]:
    told = standing_of(found(known))
    return told.status, told.records


def test_a_request_goes_from_pending_to_completed_with_its_count() -> None:
    known, seen = Known(), []
    known.take_event(ONE, (0, 5))
    seen.append(standing(known))
    for one in (receipt("accepted", (0, 5)), receipt("hidden", (0, 5)), receipt("hidden", (0, 5), 3)):
        known.take_receipt(one)
        seen.append(standing(known))
    known.take_receipt(receipt("accepted", (0, 5)))

    assert seen == [("pending", None), ("in_progress", None), ("completed", None), ("completed", 3)]
    assert standing(known) == ("completed", 3)


def test_what_was_said_of_another_event_at_the_same_place_is_no_answer() -> None:
    # given an events topic that was made again, and receipts of the one before
    known = Known()
    known.take_event(ONE, (0, 5))
    known.take_event(replace(ONE, lifts=True), (0, 6))
    told = [receipt("hidden", (0, 5), 3, event_id="another"), receipt("refused", (0, 6), event_id="another/lift")]
    for one in told:
        known.take_receipt(one)
    known.take_note(note((0, 5), event_id="another"))

    assert standing(known) == ("cancelled", None)
    assert not found(known).told


def test_the_least_advanced_subject_counts_and_the_records_are_summed() -> None:
    known = Known()
    known.take_event(replace(ONE, parts=2), (0, 5))
    known.take_receipt(receipt("hidden", (0, 5), 3))
    assert standing(known) == ("pending", None)

    known.take_event(replace(ONE, parts=2, part=2, subject="bob"), (1, 2))
    assert standing(known) == ("pending", None)
    known.take_receipt(receipt("accepted", (1, 2)))
    assert standing(known) == ("in_progress", None)
    known.take_receipt(receipt("hidden", (1, 2), 0))
    assert standing(known) == ("completed", 3)


def test_a_deletion_that_is_sent_again_goes_back_to_nothing_and_its_count_is_added() -> None:
    known = Known()
    known.take_event(ONE, (0, 9))
    known.take_event(ONE, (0, 5))
    known.take_receipt(receipt("hidden", (0, 5), 3))
    assert standing(known) == ("completed", 3)

    known.take_receipt(receipt("accepted", (0, 9)))
    known.take_receipt(receipt("hidden", (0, 9), 1))
    assert standing(known) == ("completed", 4)


def test_receipts_of_others_events_change_nothing() -> None:
    known = Known()
    known.take_event(ONE, (0, 5))
    known.take_receipt(receipt("hidden", (0, 6), 3))
    known.take_receipt(receipt("hidden", (1, 5), 3))

    assert standing(known) == ("pending", None)


HIDDEN_AT = parse_timestamp("2026-03-01T09:30:02.000Z") or 0
HOUR = 3_600_000


def test_the_next_one_is_expected_to_take_as_long_as_the_slowest_of_the_last_hour() -> None:
    known, mine = Known(), replace(ONE, received=HIDDEN_AT - 30_000)
    assert known.expected(HIDDEN_AT) is None
    known.take_receipt(receipt("hidden", (1, 9), event_id="others"))
    assert known.expected(HIDDEN_AT) == 2.0

    # Of its own requests the wait in the log is known, too.
    known.take_event(mine, (0, 5))
    known.take_receipt(receipt("accepted", (0, 5)))
    known.take_receipt(receipt("hidden", (0, 5)))
    assert known.expected(HIDDEN_AT) == known.expected(HIDDEN_AT + HOUR) == 30.0
    assert known.expected(HIDDEN_AT + HOUR + 1) is None


def test_nor_less_than_the_oldest_request_waits_that_is_not_applied() -> None:
    known = Known()
    known.take_receipt(receipt("hidden", (1, 9), event_id="others"))
    for number, ago in enumerate((90_000, 60_000)):
        known.take_event(replace(ONE, request_id=f"s{number}", received=HIDDEN_AT - ago), (0, number))

    assert known.expected(HIDDEN_AT) == 90.0
    known.take_receipt(receipt("accepted", (0, 0), event_id="s0"))
    assert known.expected(HIDDEN_AT) == 60.0
    known.take_event(replace(ONE, request_id="s1", lifts=True), (0, 2))
    assert known.expected(HIDDEN_AT) == 2.0


def test_a_request_that_its_sender_never_finished_holds_nobody_up() -> None:
    known, began = Known(), HIDDEN_AT - 20 * 24 * HOUR
    known.take_receipt(receipt("hidden", (1, 9), event_id="others"))
    known.take_event(replace(ONE, request_id="s0", parts=2, received=began), (0, 0))
    known.take_event(replace(ONE, request_id="s1", lifts=True, received=began), (0, 1))

    assert known.expected(HIDDEN_AT) == 2.0
    known.take_event(replace(ONE, request_id="s0", parts=2, part=2, subject="bob", received=began), (1, 2))
    assert known.expected(HIDDEN_AT) == 20 * 24 * 3600.0


def test_a_refused_one_is_in_progress_with_its_reason() -> None:
    known = Known()
    known.take_event(ONE, (0, 5))
    known.take_receipt(receipt("refused", (0, 5), reason="the model was made without subjects"))

    assert standing_of(found(known)) == Standing("in_progress", None, "the model was made without subjects", None, None)


def test_it_is_cancelled_once_all_of_its_deletions_are_lifted() -> None:
    known = Known()
    known.take_event(replace(ONE, parts=2), (0, 5))
    known.take_event(replace(ONE, parts=2, part=2, subject="bob"), (1, 2))
    known.take_event(replace(ONE, parts=2, lifts=True), (0, 6))
    assert standing(known) == ("pending", None)

    known.take_event(replace(ONE, parts=2, part=2, subject="bob", lifts=True), (1, 3))
    known.take_receipt(receipt("hidden", (0, 5), 2))
    known.take_receipt(receipt("lifted", (0, 6)))
    assert standing(known) == ("cancelled", None)
    known.take_receipt(receipt("hidden", (1, 2), 2))
    assert standing(known) == ("cancelled", 4)
    assert standing_of(found(known)).told == Told("cancelled", None)


def test_a_lift_that_is_refused_takes_nothing_back() -> None:
    known = Known()
    known.take_event(ONE, (0, 5))
    known.take_event(replace(ONE, lifts=True), (0, 6))
    known.take_event(replace(ONE, lifts=True), (0, 8))
    seen = [standing(known)]
    for one in (
        receipt("refused", (0, 8)),
        receipt("refused", (0, 6)),
        receipt("refused", (0, 6)),
        receipt("hidden", (0, 5)),
    ):
        known.take_receipt(one)
        seen.append(standing(known))

    assert [status for status, _ in seen] == ["cancelled", "cancelled", "pending", "pending", "completed"]
    known.forget_before(ONE.received + 1)
    assert len(known) == 0


def test_a_deletion_behind_its_lift_stands() -> None:
    """It was sent twice, and the second one came late; or the first one is no longer in the log."""
    known = Known()
    known.take_event(replace(ONE, lifts=True), (0, 6))
    known.take_event(ONE, (0, 7))
    assert standing(known) == ("pending", None)

    known.take_event(ONE, (0, 5))
    known.take_receipt(receipt("hidden", (0, 5), 2))
    assert standing(known) == ("pending", None)
    known.take_event(replace(ONE, lifts=True), (0, 8))
    assert standing(known) == ("cancelled", 2)
    known.take_event(ONE, (0, 9))
    known.take_receipt(receipt("hidden", (0, 9), 1))
    assert standing(known) == ("completed", 3)


def test_of_two_controllers_with_one_id_each_has_its_own() -> None:
    known, other = Known(), replace(ONE, controller="bank")
    known.take_event(ONE, (0, 5))
    known.take_event(other, (0, 7))
    known.take_receipt(receipt("accepted", (0, 7)))

    assert standing_of(found(known)).status == "pending"
    assert standing_of(found(known, other)).status == "in_progress"
    assert known.find("third", "r1") is None


def test_another_request_of_the_same_subject_is_seen_until_it_is_cancelled() -> None:
    known, other = Known(), replace(ONE, request_id="r2", controller="bank")
    known.take_event(ONE, (0, 5))
    assert not known.others_stand(found(known))

    known.take_event(other, (0, 7))
    assert known.others_stand(found(known))
    known.take_event(replace(other, lifts=True), (0, 8))
    assert not known.others_stand(found(known))


def test_the_last_note_counts_and_is_no_receipt() -> None:
    known, given = Known(), note((0, 5), "in_progress", state="unnotified")
    known.take_event(ONE, (0, 5))
    known.take_note(given)
    assert found(known).told[0] == given
    known.take_note(note((0, 5)))

    assert found(known).told[0].told == Told("completed", None)
    assert read_note(given.encoded()) == given
    assert read_receipt(given.encoded()) is None
    assert read_note(receipt("hidden", (0, 5)).model_dump_json().encode()) is None
    assert [read_note(value) for value in (None, b"", b'{"state": "notified"}')] == [None] * 3


def test_counts_by_status_follow_and_what_is_old_is_forgotten_whole() -> None:
    known, new = Known(), replace(ONE, request_id="r2", received=ONE.received + 1, key="k2")
    known.take_event(replace(ONE, key="k1"), (0, 5))
    known.take_event(new, (0, 7))
    known.take_receipt(receipt("hidden", (0, 7), 3, event_id="r2"))
    assert known.counts() == {"pending": 1, "completed": 1}
    assert [request.ticket.request_id for request in known.changed()] == ["r1", "r2"]
    assert [*known.changed()] == []

    known.forget_before(ONE.received + 1)

    assert known.find("shop", "r1") is known.of_key("shop", "k1") is None
    assert known.of_key("shop", "k2") is found(known, new)
    assert +known.counts() == {"completed": 1}
    assert not known.others_stand(found(known, new))
    known.take_receipt(receipt("hidden", (0, 5), 3))
    assert len(known) == 1

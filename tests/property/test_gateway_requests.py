"""What is known of requests depends on what the topics hold, and on no order in which it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.test_known import receipt
from tests.unit.gateway.test_tickets import TICKET
from unlearn.gateway.requests.known import Known
from unlearn.gateway.requests.request import Standing, standing_of
from unlearn.gateway.requests.ticket import Ticket
from unlearn.results.manifest import Receipt

REQUESTS = ("r1", "r2")
SUBJECTS = ("ann", "bob")
tickets = st.builds(
    lambda request_id, subject, lifts, key: replace(
        TICKET, request_id=request_id, subject=subject, lifts=lifts, key=key and request_id, parts=2
    ),
    st.sampled_from(REQUESTS),
    st.sampled_from(SUBJECTS),
    st.booleans(),
    st.booleans(),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[Ticket, tuple[int, int]]], list[Receipt]]:
    """Events at places of their own, and receipts of some, which say the same where they say it again."""
    events = [(ticket, (offset % 2, offset)) for offset, ticket in enumerate(draw(st.lists(tickets, max_size=8)))]
    receipts = []
    for _, place in events:
        states = draw(st.sets(st.sampled_from(("accepted", "hidden", "counted", "refused", "lifted"))))
        for state in states:
            more: dict[str, Any] = {"reason": "why"} if state == "refused" else {}
            counted = place[1] if state == "counted" else None
            receipts.append(receipt("hidden" if state == "counted" else state, place, counted, **more))  # type: ignore[arg-type]
    return events, receipts


def known_of(events: list[tuple[Ticket, tuple[int, int]]], receipts: list[Receipt]) -> dict[str, Standing]:
    known = Known()
    for ticket, place in events:
        known.take_event(ticket, place)
    for one in receipts:
        known.take_receipt(one)
    found = {request_id: known.find("shop", request_id) for request_id in REQUESTS}
    standings = {request_id: standing_of(request) for request_id, request in found.items() if request is not None}
    everything = [request for request in known.changed() if request.deletions]
    assert len(everything) == len(standings)
    assert known.counts().total() == len(known)
    return standings


@given(histories(), st.randoms(use_true_random=False))
def test_any_order_of_events_and_of_receipts_with_repeats_gives_the_same(
    history: tuple[list[tuple[Ticket, tuple[int, int]]], list[Receipt]], chance: Any
) -> None:
    events, receipts = history
    again = [*events, *events[: chance.randrange(4)]]
    told = [*receipts, *receipts[: chance.randrange(4)]]
    chance.shuffle(again)
    chance.shuffle(told)

    assert known_of(again, told) == known_of(events, receipts)

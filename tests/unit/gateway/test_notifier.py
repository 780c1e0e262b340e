"""Callbacks: what is due to whom and when, tries that fail, and what other gateways have told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness.gateway import gateway_files, proves
from tests.unit.gateway.test_known import note, receipt
from tests.unit.gateway.test_tickets import SECRET, TICKET
from unlearn.gateway.callbacks.due import COUNT_WITHIN, due_at, pause_after
from unlearn.gateway.callbacks.notifier import Notifier
from unlearn.gateway.metrics import Metrics
from unlearn.gateway.requests.known import Known
from unlearn.gateway.requests.notes import Note
from unlearn.gateway.requests.request import Request, standing_of
from unlearn.gateway.requests.ticket import Callback, Seal, Ticket
from unlearn.gateway.signing import Signer, make_signer
from unlearn.results.manifest import Receipt
from unlearn.service_settings.gateway import GatewaySettings

URL, FIDES = Callback("https://a.example/b"), Callback("https://f.example/c", "a token")
PLACE = (0, 5)
ONE = replace(TICKET, parts=1, subject="ann", owner="me", callbacks=(URL,))
ACCEPTED, HIDDEN, COUNTED = receipt("accepted", PLACE), receipt("hidden", PLACE), receipt("hidden", PLACE, 3)
ENDED = 1_772_357_402_000


def request(ticket: Ticket, *receipts: Receipt, lifted: bool = False, told: Note | None = None) -> Request:
    known = Known()
    known.take_event(ticket, PLACE)
    if lifted:
        known.take_event(replace(ticket, lifts=True), (0, 6))
    for one in receipts:
        known.take_receipt(one)
    if told is not None:
        known.take_note(told)
    found = known.find(ticket.controller, ticket.request_id)
    assert found is not None
    return found


def due(made: Request) -> int | None:
    return due_at(made, 0, standing_of(made))


def test_a_status_url_is_told_of_every_status_but_the_first_and_once() -> None:
    assert due(request(ONE)) is None
    assert due(request(ONE, ACCEPTED)) == 0
    assert due(request(ONE, ACCEPTED, told=note(PLACE, "in_progress"))) is None
    assert due(request(ONE, COUNTED, told=note(PLACE, "in_progress"))) == 0
    assert due(request(ONE, COUNTED, told=note(PLACE, "completed", records=3))) is None
    assert due(request(ONE, COUNTED, told=note(PLACE, "completed", records=3, state="unnotified"))) is None
    assert due(request(ONE, lifted=True)) == 0
    assert due(request(ONE, HIDDEN, lifted=True, told=note(PLACE, "cancelled"))) is None


def test_the_news_of_the_end_wait_for_the_count_and_not_for_ever() -> None:
    assert due(request(ONE, HIDDEN)) == ENDED + COUNT_WITHIN
    assert due(request(ONE, HIDDEN, told=note(PLACE, "completed"))) is None
    assert due(request(ONE, HIDDEN, COUNTED, told=note(PLACE, "completed"))) == 0


def test_fides_is_told_of_the_end_alone_and_once() -> None:
    fides = replace(ONE, callbacks=(FIDES,))

    assert due(request(fides, ACCEPTED)) is None
    assert due(request(fides, COUNTED)) == 0
    assert due(request(fides, HIDDEN)) == ENDED + COUNT_WITHIN
    assert due(request(fides, COUNTED, told=note(PLACE, "completed"))) is None
    assert due(request(fides, COUNTED, lifted=True)) is None


def test_pauses_double_up_to_five_minutes_by_chance_from_half_of_them() -> None:
    assert [pause_after(tries, 1.0) for tries in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert pause_after(3, 0.0) == 2
    assert pause_after(10_000, 1.0) == 300


class Posts:
    """A poster that answers by `replies`, then that it got there. `hangs`: URLs that don't before `answering`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []
        self.replies: deque[str] = deque()
        self.hangs: set[str] = set()
        self.answering = asyncio.Event()

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        self.sent.append((url, body, headers))
        if url in self.hangs:
            await self.answering.wait()
        return self.replies.popleft() if self.replies else ""


class Harness:
    """A notifier with a clock that stands still, and what it noted."""

    def __init__(self, signer: Signer, **changed: Any) -> None:
        self.known, self.posts, self.notes, self.now = Known(), Posts(), list[Note](), 1000.0
        callbacks = ("https://a.example", "https://f.example", "https://slow.example")
        settings = GatewaySettings(**{"callbacks": callbacks, "takeover": 15, "callback_patience": 100, **changed})
        self.metrics = Metrics(self.known.counts())
        self.notifier = Notifier(
            self.known,
            self.posts,
            signer,
            Seal(SECRET, "mail"),
            settings,
            "me",
            self.notes.append,
            self.metrics,
            lambda: self.now,
        )

    async def at(self, seconds: float) -> None:
        """Let it be this time, and what is due be done."""
        self.now = seconds
        self.notifier.step()
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def times(self) -> int:
        return len(self.posts.sent)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return make_signer(GatewaySettings(**gateway_files(Path(tmp_path_factory.mktemp("files")))))


def played(signer: Signer, play: Callable[[Harness], Awaitable[None]], **changed: Any) -> Harness:
    async def run() -> Harness:
        harness = Harness(signer, **changed)
        await play(harness)
        await harness.notifier.close()
        return harness

    return asyncio.run(run())


def test_a_callback_is_signed_told_once_and_noted(signer: Signer) -> None:
    async def play(harness: Harness) -> None:
        harness.known.take_event(ONE, PLACE)
        harness.known.take_receipt(COUNTED)
        await harness.at(1000)
        await harness.at(2000)

    harness = played(signer, play)
    ((url, body, headers),) = harness.posts.sent

    assert url == URL.url
    assert proves(signer.certificate, headers, body)
    assert b'"results_count": 3' in body
    assert "Authorization" not in headers
    assert [(one.state, one.told, one.tries, one.partition, one.offset) for one in harness.notes] == [
        ("notified", ("completed", 3), 1, 0, 5)
    ]


def test_a_failed_one_is_tried_again_later_with_the_same_key_and_what_it_tells_is_the_newest(signer: Signer) -> None:
    async def play(harness: Harness) -> None:
        harness.posts.replies.extend(["the answer is 500"] * 2)
        harness.known.take_event(ONE, PLACE)
        harness.known.take_receipt(ACCEPTED)
        await harness.at(1000)
        await harness.at(1000.4)
        assert harness.times == 1
        await harness.at(1001)
        assert harness.times == 2
        harness.known.take_receipt(COUNTED)
        await harness.at(1001)
        await harness.at(2000)

    harness = played(signer, play)

    assert [b"completed" in body for _, body, _ in harness.posts.sent] == [False, False, True]
    first, second, third = (headers["Idempotency-Key"] for _, _, headers in harness.posts.sent)
    assert first == second != third
    assert [one.told for one in harness.notes] == [("completed", 3)]
    assert 'unlearn_gateway_callbacks_total{outcome="failed"} 2.0' in harness.metrics.text().decode()


def test_it_is_given_up_after_the_patience_and_that_is_noted(signer: Signer) -> None:
    async def play(harness: Harness) -> None:
        harness.posts.replies.extend(["no answer"] * 100)
        harness.known.take_event(ONE, PLACE)
        harness.known.take_receipt(COUNTED)
        for second in range(1000, 1300, 10):
            await harness.at(second)

    harness = played(signer, play)

    assert [one.state for one in harness.notes] == ["unnotified"]
    assert harness.notes[0].tries == harness.times > 3
    assert 'unlearn_gateway_callbacks_total{outcome="given_up"} 1.0' in harness.metrics.text().decode()
    assert "unlearn_gateway_callbacks_open 0.0" in harness.metrics.text().decode()


def test_another_gateways_callback_is_made_after_a_while_unless_it_is_noted(signer: Signer) -> None:
    def theirs(request_id: str) -> Ticket:
        return replace(ONE, owner="other", request_id=request_id)

    async def play(harness: Harness) -> None:
        for offset, request_id in enumerate(("r1", "r2")):
            harness.known.take_event(theirs(request_id), (0, offset))
            harness.known.take_receipt(receipt("hidden", (0, offset), 1, event_id=request_id))
        await harness.at(1014)
        assert harness.times == 0
        harness.known.take_note(note((0, 0), "completed", records=1))
        await harness.at(1030)
        await harness.at(2000)

    harness = played(signer, play)

    assert [b'"r2"' in body for _, body, _ in harness.posts.sent] == [True]


def test_one_that_never_answers_holds_up_nobody_elses(signer: Signer) -> None:
    slow = Callback("https://slow.example/x")

    async def play(harness: Harness) -> None:
        harness.posts.hangs.add(slow.url)
        for number in range(20):
            harness.known.take_event(replace(ONE, request_id=f"s{number}", callbacks=(slow,)), (0, number))
            harness.known.take_receipt(receipt("hidden", (0, number), 1, event_id=f"s{number}"))
        harness.known.take_event(ONE, (1, 0))
        harness.known.take_receipt(receipt("hidden", (1, 0), 1))
        await harness.at(1000)

    harness = played(signer, play)

    assert [url for url, _, _ in harness.posts.sent if url == URL.url] == [URL.url]
    assert harness.times == 5


def test_older_news_that_are_under_way_are_not_overtaken(signer: Signer) -> None:
    async def play(harness: Harness) -> None:
        harness.posts.hangs.add(URL.url)
        harness.known.take_event(ONE, PLACE)
        harness.known.take_receipt(ACCEPTED)
        await harness.at(1000)
        harness.known.take_receipt(COUNTED)
        await harness.at(1001)
        await harness.at(1002)
        assert harness.times == 1
        harness.posts.hangs.clear()
        harness.posts.answering.set()
        await harness.at(1003)
        await harness.at(1004)

    harness = played(signer, play)

    assert [b"completed" in body for _, body, _ in harness.posts.sent] == [False, True]
    assert [one.told for one in harness.notes] == [("in_progress", None), ("completed", 3)]


def test_fides_gets_the_count_with_its_token(signer: Signer) -> None:
    async def play(harness: Harness) -> None:
        harness.known.take_event(replace(ONE, callbacks=(FIDES,)), PLACE)
        harness.known.take_receipt(COUNTED)
        await harness.at(1000)

    ((url, body, headers),) = played(signer, play).posts.sent

    assert (url, body, headers["Authorization"]) == (FIDES.url, b'{"rows_masked": 3}', "Bearer a token")


def test_a_url_that_the_settings_no_longer_allow_is_not_called(signer: Signer) -> None:
    async def play(harness: Harness) -> None:
        harness.known.take_event(ONE, PLACE)
        harness.known.take_receipt(COUNTED)
        await harness.at(1000)

    harness = played(signer, play, callbacks=())

    assert harness.times == 0
    assert [one.state for one in harness.notes] == ["unnotified"]

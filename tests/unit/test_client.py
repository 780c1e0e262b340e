"""The client sends nothing that is wrong, loses nothing that is right, and hands each receipt to who waits for it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.harness.events import at
from tests.harness.model_data import records
from tests.harness.settings import WITHOUT_WAITING, create_topics, settings_of
from tests.harness.waiting import until
from tests.unit.test_scorer_life import forking, in_a_fork
from unlearn import (
    Client,
    ClientStopped,
    DeletionRefused,
    InputInvalid,
    LogUnavailable,
    NotSent,
    Pending,
    Settings,
    SettingsError,
    StillOpen,
    TopicMissing,
)
from unlearn.client.following import Following
from unlearn.errors import LogRefused, UnlearnError
from unlearn.events.event import Delete, Insert, Request
from unlearn.events.parsing import parse
from unlearn.log.memory.log import MemoryLog
from unlearn.log.memory.producer import MemoryProducer
from unlearn.log.protocol import Header
from unlearn.results.manifest import Receipt

EVER = 60.0


class Model:
    """Topics, and what a worker would say there."""

    def __init__(self, **changed: Any) -> None:
        self.settings = settings_of(**{**WITHOUT_WAITING, "learner": "linear", "features": 8, **changed})
        self.log = MemoryLog()
        create_topics(self.log, self.settings)

    def client(self) -> Client:
        return Client(self.settings, self.log)

    def sent(self) -> list[Insert | Request]:
        found = []
        for partition in range(self.settings.partitions):
            for record in records(self.log, self.settings.events_topic, partition):
                event = parse(record.value)
                assert isinstance(event, Insert | Request)
                found.append(event)
        return found

    def tell(self, pending: Pending, state: str, **more: Any) -> None:
        place = {"partition": pending.partition, "offset": pending.offset, **more}
        value = json.dumps({"event_id": pending.event_id, "state": state, **place}).encode()
        self.log.append(self.settings.receipts_topic, 0, pending.event_id.encode(), value, ())


@pytest.fixture
def model() -> Model:
    return Model()


# -- what is sent


def test_an_insert_stands_in_its_home_partition_as_its_fields_say(model: Model) -> None:
    one, other = at(0), at(1)
    with model.client() as client:
        first = client.insert(record_id="r1", subject_id=other, label="spam", text="häß 😀", event_id="e1")
        second = client.insert(record_id=one, features={3: 0.5}, revision=7, occurred_at="2024-05-01")

    assert first == "e1"
    assert model.sent() == [
        Insert(event_id=second, record_id=one, features={3: 0.5}, revision=7, occurred_at="2024-05-01"),
        Insert(event_id="e1", record_id="r1", subject_id=other, label="spam", text="häß 😀"),
    ]
    assert [record.key for record in records(model.log, model.settings.events_topic, 1)] == [other.encode()]


def test_numbers_of_numpy_are_sent_exactly(model: Model) -> None:
    values = np.array([0.1, 2.0, 0.0], np.float32)
    with model.client() as client:
        client.insert(record_id="r1", features=values)

    (sent,) = model.sent()
    assert isinstance(sent, Insert)
    assert sent.features == tuple(map(float, values))


def test_deletions_name_a_subject_a_record_or_a_pair(model: Model) -> None:
    asked = datetime(2024, 5, 1, 12, tzinfo=UTC)
    with model.client() as client:
        for named in ({"subject": "s"}, {"record": "r"}, {"subject": "s", "record": "r", "revision": 2}):
            client.forget(**named, event_id="d", requested_at=asked, forget_within=timedelta(days=1))

    found = {(event.subject_id, event.record_id, getattr(event, "revision", None)) for event in model.sent()}
    assert found == {("s", None, None), (None, "r", None), ("s", "r", 2)}
    assert {(event.requested_at, event.forget_within) for event in model.sent() if isinstance(event, Delete)} == {
        ("2024-05-01T12:00:00+00:00", 86400.0)
    }


BAD_INSERTS: list[tuple[dict[str, Any], str]] = [
    ({"record_id": None, "text": "a"}, "record_id: is missing"),
    ({"record_id": "", "text": "a"}, "record_id: must have at least 1 character"),
    ({"record_id": "x" * 257, "text": "a"}, "record_id: must have at most 256 characters"),
    ({"record_id": 7, "text": "a"}, "record_id: must be a valid string"),
    ({"record_id": b"r", "text": "a"}, "an argument can't be written as JSON: it is of type bytes"),
    ({"record_id": "\ud800", "text": "a"}, "half a surrogate pair, or a number too long"),
    ({"record_id": "r", "subject_id": "", "text": "a"}, "subject_id: must have at least 1 character"),
    ({"record_id": "r"}, "exactly one of text and features is needed"),
    ({"record_id": "r", "text": "a", "features": [1.0]}, "exactly one of text and features is needed"),
    ({"record_id": "r", "text": "a", "label": "eggs"}, "label: not one that the model learns from"),
    ({"record_id": "r", "features": {8: 1.0}}, "features: more than the model has"),
    ({"record_id": "r", "features": {-1: 1.0}}, "features: must be"),
    ({"record_id": "r", "features": [float("nan")]}, "must be a finite number"),
    ({"record_id": "r", "features": [0.5]}, "features: not counts, and the model's learner takes nothing else"),
    ({"record_id": "r", "features": {1: 1.0, "1": 2.0}}, "a key is there twice"),
    ({"record_id": "r", "text": "a", "revision": -1}, "revision: must be greater than or equal to 0"),
    ({"record_id": "r", "text": "a", "event_id": ""}, "event_id: must have at least 1 character"),
    ({"record_id": "r", "features": [0.12345678901234567] * 100_000}, "more than 1000000 bytes"),
]
BAD_DELETIONS: list[tuple[dict[str, Any], str]] = [
    ({}, "a subject_id, a record_id or an alias is needed"),
    ({"subject": ""}, "subject_id: must have at least 1 character"),
    ({"record": ""}, "record_id: must have at least 1 character"),
    ({"subject": "s", "revision": 1}, "revision: means nothing for a whole subject"),
    ({"subject": "s", "requested_at": "yesterday"}, "requested_at: must be a date"),
    ({"subject": "s", "requested_at": datetime(2024, 5, 1)}, "requested_at: must be a date"),
    ({"subject": "s", "requested_at": "2999-01-01"}, "requested_at: more than a day after"),
    ({"subject": "s", "forget_within": -1.0}, "forget_within: must be greater than or equal to 0"),
    ({"subject": "s", "forget_within": "soon"}, "forget_within: "),
    ({"subject": "s", "event_id": "x" * 257}, "event_id: must have at most 256 characters"),
]


@pytest.mark.parametrize(("given", "reason"), BAD_INSERTS)
def test_a_bad_insert_fails_before_anything_is_sent(given: dict[str, Any], reason: str) -> None:
    model = Model(learner="naive-bayes")
    with model.client() as client, pytest.raises(InputInvalid, match=reason):
        client.insert(**given)

    assert model.sent() == []


@pytest.mark.parametrize(("given", "reason"), BAD_DELETIONS)
def test_a_bad_deletion_fails_before_anything_is_sent(model: Model, given: dict[str, Any], reason: str) -> None:
    with model.client() as client, pytest.raises(InputInvalid, match=reason):
        client.forget(**given)

    assert model.sent() == []


@pytest.mark.parametrize("ask", ["forget", "lift"])
def test_a_header_that_models_write_fails_before_anything_is_sent(model: Model, ask: str) -> None:
    """It was copied from what a model has sent on: a lift with it does nothing, and is never answered."""
    mark = ("unlearn-origin", b"m/0/3/5/" + b"0" * 32)
    with model.client() as client, pytest.raises(InputInvalid, match="headers: unlearn-origin"):
        getattr(client, ask)(subject="s", headers=[("trace", b"1"), mark])

    assert model.sent() == []


def test_a_reason_quotes_nothing_that_was_given(model: Model) -> None:
    with model.client() as client, pytest.raises(InputInvalid) as seen:
        client.insert(record_id="ann@example.org" * 20, text="ann@example.org")

    assert "example" not in str(seen.value)


# -- what isn't acknowledged


class Holding(MemoryProducer):
    """Keeps what is sent until it is told what becomes of it."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__(log)
        self.held: list[tuple[Future[int], tuple[Any, ...]]] = []

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header] = ()
    ) -> Future[int]:
        answer: Future[int] = Future()
        self.held.append((answer, (topic, partition, key, value, headers)))
        return answer

    def settle(self, *errors: UnlearnError | None) -> None:
        """Of the first ones in order: None is acknowledged."""
        for error in errors:
            answer, message = self.held.pop(0)
            if error is None:
                answer.set_result(self._log.append(*message))
            else:
                answer.set_exception(error)


@pytest.fixture
def holding(model: Model, monkeypatch: pytest.MonkeyPatch) -> Holding:
    producer = Holding(model.log)
    monkeypatch.setattr(model.log, "producer", lambda: producer)
    return producer


def test_inserts_come_back_at_once_and_a_flush_waits_for_them(model: Model, holding: Holding) -> None:
    client = model.client()
    for number in range(3):
        client.insert(record_id=f"r{number}", text="a")
    flushing = threading.Thread(target=client.flush)
    flushing.start()
    assert flushing.is_alive()
    holding.settle(None, None, None)
    flushing.join(EVER)

    assert not flushing.is_alive()
    assert len(model.sent()) == 3
    client.close()


def test_a_flush_names_all_that_is_not_acknowledged_once(model: Model, holding: Holding) -> None:
    client = model.client()
    for number in range(4):
        client.insert(record_id=f"r{number}", text="a", event_id=f"e{number}")
    holding.settle(None, LogRefused("too large"), None, LogUnavailable("it was on its way"))

    with pytest.raises(NotSent, match="e1 and 1 more: too large") as seen:
        client.flush()

    assert seen.value.event_ids == ("e1", "e3")
    assert isinstance(seen.value.__cause__, LogRefused)
    assert seen.value.exit_code == LogRefused.exit_code
    client.flush()
    client.close()


def test_the_next_insert_tells_of_one_that_failed(model: Model, holding: Holding) -> None:
    client = model.client()
    client.insert(record_id="r0", text="a", event_id="e0")
    holding.settle(LogUnavailable("down"))
    inserting: list[BaseException] = []

    def insert() -> None:
        try:
            client.insert(record_id="r1", text="a", event_id="e1")
        except NotSent as error:
            inserting.append(error)

    thread = threading.Thread(target=insert)
    thread.start()
    until(lambda: holding.held, EVER, "the second one is on its way")
    holding.settle(None)
    thread.join(EVER)

    # The second one is acknowledged, and so it isn't named.
    assert [getattr(error, "event_ids", None) for error in inserting] == [("e0",)]
    client.close()


def test_a_close_tells_too_and_closes_all_the_same(model: Model, holding: Holding) -> None:
    client = model.client()
    client.insert(record_id="r0", text="a", event_id="e0")
    holding.settle(LogUnavailable("down"))

    with pytest.raises(NotSent) as seen:
        client.close()

    assert seen.value.event_ids == ("e0",)
    client.close()
    for act in (client.flush, lambda: client.insert(record_id="r", text="a"), lambda: client.forget(record="r")):
        with pytest.raises(ClientStopped, match="closed"):
            act()


def test_a_deletion_that_fails_is_raised_where_it_is_sent(model: Model) -> None:
    with model.client() as client:
        model.log.delete_topic(model.settings.events_topic)
        with pytest.raises(NotSent, match="there is no topic") as seen:
            client.forget(subject="s", event_id="d1")

    assert seen.value.event_ids == ("d1",)
    assert isinstance(seen.value.__cause__, TopicMissing)


def test_sending_waits_where_too_much_is_on_its_way(
    model: Model, holding: Holding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unlearn.client.sends._IN_FLIGHT", 150)
    client = model.client()
    client.insert(record_id="r0", text="a")
    third = threading.Thread(target=lambda: [client.insert(record_id=f"r{number}", text="a") for number in (1, 2)])
    third.start()
    until(lambda: len(holding.held) == 2, EVER, "the second one is on its way")
    assert third.is_alive()
    holding.settle(None)
    until(lambda: len(holding.held) == 2, EVER, "there was room for the third")
    holding.settle(None)
    third.join(EVER)
    holding.settle(None)
    client.close()

    assert len(model.sent()) == 3


def test_a_model_with_more_partitions_than_the_topic_and_a_missing_topic_are_said_at_the_start(model: Model) -> None:
    with pytest.raises(SettingsError, match="has 2 partitions and the model 3"):
        Client(model.settings.model_copy(update={"partitions": 3}), model.log)
    with pytest.raises(TopicMissing):
        Client(model.settings, MemoryLog())


# -- receipts


def test_receipts_that_came_before_the_wait_are_found(model: Model) -> None:
    with model.client() as client:
        pending = client.forget(subject="s")
        model.tell(pending, "accepted")
        model.tell(pending, "hidden", version=8)
        model.tell(pending, "hidden", version=9)

        # The first of a state counts.
        assert pending.wait(timeout=EVER).version == 8
        assert pending.wait("accepted", timeout=0).state == "accepted"


def test_a_receipt_that_overtakes_the_acknowledgement_is_found(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    plainly = model.log.append

    def append(topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header]) -> int:
        offset = plainly(topic, partition, key, value, headers)
        event = parse(value)
        assert isinstance(event, Delete)
        receipt = Receipt(event_id=event.event_id, state="hidden", partition=partition, offset=offset)
        plainly(model.settings.receipts_topic, 0, event.event_id.encode(), receipt.encode(), ())
        return offset

    monkeypatch.setattr(model.log, "append", append)
    with model.client() as client:
        assert client.forget(record="r").wait(timeout=0).state == "hidden"


def test_a_later_deletion_costs_an_earlier_one_no_receipt(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.client.following._FRESH", 0.0)
    with model.client() as client:
        first = client.forget(record="a")
        model.tell(first, "hidden")
        client.forget(record="b")

        assert first.wait(timeout=0).state == "hidden"


def test_one_that_comes_later_is_waited_for(model: Model) -> None:
    with model.client() as client:
        pending = client.forget(record="r")
        told = threading.Timer(0.2, lambda: model.tell(pending, "hidden", version=1))
        told.start()

        assert pending.wait(timeout=EVER).version == 1


def test_hidden_stands_for_accepted_and_accepted_not_for_hidden(model: Model) -> None:
    with model.client() as client:
        one, other = client.forget(record="a"), client.forget(record="b")
        model.tell(one, "hidden")
        model.tell(other, "accepted")

        assert one.wait("accepted", timeout=0).state == "hidden"
        with pytest.raises(StillOpen, match=rf"{other.event_id} is not hidden after 0 s; its receipt says accepted"):
            other.wait(timeout=0)


def test_without_a_receipt_the_time_ends_and_it_can_be_waited_for_again(model: Model) -> None:
    with model.client() as client:
        pending = client.forget(record="r")
        with pytest.raises(StillOpen, match="is a worker running") as seen:
            pending.wait(timeout=0)
        assert seen.value.exit_code == 75
        model.tell(pending, "hidden")
        assert pending.wait(timeout=0).state == "hidden"


def test_a_refusal_is_raised_with_its_reason(model: Model) -> None:
    with model.client() as client:
        pending = client.forget(record="r")
        model.tell(pending, "refused", reason="why")
        with pytest.raises(DeletionRefused, match="was refused: why") as seen:
            pending.wait("accepted", timeout=EVER)

    assert isinstance(seen.value.receipt, Receipt)
    assert (seen.value.receipt.state, seen.value.reason) == ("refused", "why")


def test_an_unknown_state_is_refused_at_once(model: Model) -> None:
    with model.client() as client:
        pending = client.forget(record="r")
        with pytest.raises(InputInvalid, match="accepted, hidden, counted"):
            pending.wait("erased", timeout=EVER)  # type: ignore[arg-type]


def test_two_events_with_one_id_have_a_receipt_each(model: Model) -> None:
    with model.client() as client:
        one = client.forget(subject="s", event_id="d")
        other = client.forget(subject="s", event_id="d")
        model.tell(other, "hidden", version=5)
        assert other.wait(timeout=0).version == 5
        with pytest.raises(StillOpen):
            one.wait(timeout=0)
        model.tell(one, "hidden", version=6)
        assert (one.wait(timeout=0).version, other.wait(timeout=0).version) == (6, 5)


def test_what_is_no_receipt_is_passed_over(model: Model) -> None:
    with model.client() as client:
        pending = client.forget(record="r")
        topic, key = model.settings.receipts_topic, pending.event_id.encode()
        for found, value in ((None, b"{}"), (key, None), (key, b"\xff"), (b"\xff", b"{}"), (b"other", b"{}")):
            model.log.append(topic, 0, found, value, ())
        model.tell(pending, "lifted")
        model.tell(pending, "hidden")

        assert pending.wait(timeout=0).state == "hidden"


def test_what_nobody_waits_for_is_forgotten(model: Model) -> None:
    with model.client() as client:
        held = client.forget(record="held")
        for number in range(50):
            model.tell(client.forget(record=f"r{number}"), "hidden")
        gc.collect()
        assert len(client._asked) == 1
        with pytest.raises(StillOpen):
            held.wait(timeout=0)
        del held
        gc.collect()
        assert len(client._asked) == 0


def test_while_nobody_waits_the_topic_is_not_read(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.client.following._FRESH", 0.0)
    read: list[int] = []

    def reading(topic: str, partition: int, start: int, stop: int) -> Any:
        read.append(start)
        return MemoryLog.read(model.log, topic, partition, start, stop)

    with model.client() as client:
        for number in range(10):
            model.tell(client.forget(record=f"r{number}"), "hidden")
        pending = client.forget(record="last")
        monkeypatch.setattr(model.log, "read", reading)
        model.tell(pending, "hidden")
        assert pending.wait(timeout=0).state == "hidden"

    assert read == [10]


def test_many_threads_send_and_wait_and_one_reads_for_all(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Receipt] = []
    pendings: list[Pending] = []
    with model.client() as client:

        def forget(number: int) -> None:
            client.insert(record_id=f"r{number}", text="a")
            pending = client.forget(record=f"r{number}", event_id=f"d{number}")
            pendings.append(pending)
            found.append(pending.wait(timeout=EVER))

        threads = [threading.Thread(target=forget, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        until(lambda: len(pendings) == 16, EVER, "all are sent")
        for pending in pendings:
            model.tell(pending, "hidden")
        for thread in threads:
            thread.join(EVER)

    assert sorted(one.event_id for one in found) == sorted(f"d{number}" for number in range(16))
    assert len(model.sent()) == 32


def test_coroutines_wait_beside_each_other_and_can_be_cancelled(model: Model) -> None:
    async def ask(client: Client) -> list[str]:
        pendings = [await asyncio.to_thread(client.forget, record=f"r{number}") for number in range(40)]
        waiting = [asyncio.create_task(one.wait_async(timeout=EVER)) for one in pendings]
        never = asyncio.create_task(client.forget(record="never").wait_async(timeout=EVER))
        await asyncio.sleep(0.05)
        for one in pendings:
            model.tell(one, "hidden")
        told = await asyncio.gather(*waiting)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(never, 0.01)
        with pytest.raises(StillOpen):
            await client.forget(record="late").wait_async(timeout=0)
        return [one.state for one in told]

    with model.client() as client:
        assert asyncio.run(ask(client)) == ["hidden"] * 40


def test_coroutines_send_without_holding_up_the_event_loop(model: Model, holding: Holding) -> None:
    async def ask(client: Client) -> Pending:
        sending = asyncio.create_task(client.forget_async(subject="ann", event_id="d1"))
        # given that Kafka doesn't answer yet, the loop goes on
        while not holding.held:
            await asyncio.sleep(0.001)
        assert not sending.done()
        holding.settle(None)
        return await sending

    with model.client() as client:
        pending = asyncio.run(ask(client))
        with pytest.raises(InputInvalid):
            asyncio.run(client.insert_async(record_id=""))

    assert pending.event_id == "d1"


def test_each_call_that_waits_for_kafka_has_its_coroutine(model: Model) -> None:
    async def live(client: Client) -> None:
        await client.insert_async(record_id="r1", subject_id="ann", features=[1.0], event_id="e1")
        await client.flush_async()
        await client.forget_async(subject="ann", event_id="e2")
        await client.lift_async(subject="ann", event_id="e3")
        await client.close_async()
        with pytest.raises(ClientStopped):
            await client.flush_async()

    asyncio.run(live(model.client()))

    assert sorted(event.event_id for event in model.sent()) == ["e1", "e2", "e3"]


def test_an_outage_is_raised_and_the_wait_can_be_taken_up(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> Any:
        raise LogUnavailable("down")

    with model.client() as client:
        pending = client.forget(record="r")
        model.tell(pending, "hidden")
        with monkeypatch.context() as away:
            away.setattr(model.log, "bounds", down)
            with pytest.raises(LogUnavailable):
                pending.wait(timeout=EVER)
        assert pending.wait(timeout=0).state == "hidden"


def test_a_wait_ends_when_the_client_is_closed(model: Model) -> None:
    client = model.client()
    pending = client.forget(record="r")
    ended: list[BaseException] = []
    looked = threading.Event()

    def wait() -> None:
        looked.set()
        try:
            pending.wait(timeout=EVER)
        except ClientStopped as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert looked.wait(EVER)
    client.close()
    thread.join(EVER)

    assert len(ended) == 1


# -- all receipts


def test_receipts_are_read_from_a_place_or_a_time_on(model: Model) -> None:
    now = datetime(2024, 5, 1, tzinfo=UTC)
    model.log.clock = lambda: round(now.timestamp() * 1000)
    with model.client() as client:
        for number in range(4):
            now += timedelta(hours=1)
            model.tell(client.forget(record=f"r{number}", event_id=f"d{number}"), "hidden")
        model.log.append(model.settings.receipts_topic, 0, b"x", b"no receipt", ())

        def ids(since: int | datetime | None = None) -> list[tuple[int, str]]:
            return [(place, receipt.event_id) for place, receipt in client.receipts(since)]

        assert ids() == [(number, f"d{number}") for number in range(4)]
        assert ids(3) == [(3, "d3")]
        assert ids(datetime(2024, 5, 1, 2, 30, tzinfo=UTC)) == [(2, "d2"), (3, "d3")]
        assert ids(datetime(2999, 1, 1, tzinfo=UTC)) == []
        with pytest.raises(InputInvalid, match="without a zone"):
            ids(datetime(2024, 5, 1))


# -- forks


@forking
def test_a_client_on_a_given_log_says_in_a_fork_that_it_is_not_of_that_process(model: Model) -> None:
    client = model.client()
    pending = client.forget(record="r")

    def look() -> object:
        said = [
            _said(client.flush),
            _said(lambda: pending.wait(timeout=0)),
            _said(lambda: client.insert(record_id="r")),
        ]
        client.close()
        return said

    said = in_a_fork(look)

    assert isinstance(said, list)
    assert said[0].startswith(f"ClientStopped: the client is of process {os.getpid()}, and this is")
    assert said[1] == said[0]
    assert said[2].startswith("InputInvalid")
    client.flush()
    client.close()


@forking
def test_a_client_that_opens_its_own_log_begins_anew_in_a_fork(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[MemoryLog] = []
    producers: list[Holding] = []

    def open_log(_: object) -> MemoryLog:
        opened.append(model.log)
        return model.log

    def producer() -> MemoryProducer:
        producers.append(Holding(model.log))
        return producers[-1] if len(producers) == 1 else MemoryProducer(model.log)

    monkeypatch.setattr("unlearn.log.kafka.log.KafkaLog", open_log)
    monkeypatch.setattr(model.log, "producer", producer)
    client = Client.connect(model.settings)
    client.insert(record_id="of the parent", text="a")
    answering = threading.Thread(target=lambda: until(lambda: len(producers[0].held) == 2, EVER, "it is sent"))
    answering.start()
    forgetting: list[Pending] = []
    thread = threading.Thread(target=lambda: forgetting.append(client.forget(record="r")))
    thread.start()
    answering.join(EVER)
    producers[0].held.append(producers[0].held.pop(0))
    producers[0].settle(None)
    thread.join(EVER)
    (pending,) = forgetting

    def look() -> object:
        # The parent's insert isn't waited for; what the parent waits for can be waited for here.
        client.insert(record_id="of the child", text="a")
        client.flush()
        model.tell(pending, "hidden")
        state = pending.wait(timeout=EVER).state
        client.close()
        return [state, len(opened), [event.record_id for event in model.sent()], _said(client.flush)]

    parts = client._parts
    with parts.sends._lock, parts.following._reading, parts.following._registering:
        said = in_a_fork(look)

    assert isinstance(said, list)
    assert said[:2] == ["hidden", 2]
    assert sorted(said[2]) == ["of the child", "r"]
    assert said[3] == "ClientStopped: the client is closed"
    producers[0].settle(None)
    client.close()
    assert sorted(event.record_id or "" for event in model.sent()) == ["of the parent", "r"]


def _said(act: Callable[[], object]) -> str:
    try:
        return f"answered: {act()}"
    except UnlearnError as error:
        return f"{type(error).__name__}: {error}"


def test_a_position_is_kept_over_a_fork_for_those_that_were_asked_about(model: Model) -> None:
    first = Following(model.log, model.settings.receipts_topic, {})  # type: ignore[arg-type]
    assert first.position is None
    first.ask("d")
    assert first.position == 0


def test_settings_of_a_file_will_do(model: Model, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.log.kafka.log.KafkaLog", lambda _: model.log)
    file = tmp_path / "model.toml"
    file.write_text(f'model = "{model.settings.model}"\npartitions = 2\n')
    with Client.connect(file) as client:
        client.insert(record_id="r", text="a")

    assert len(model.sent()) == 1


def test_connecting_takes_settings_as_they_are(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.log.kafka.log.KafkaLog", lambda _: model.log)

    assert isinstance(model.settings, Settings)
    Client.connect(model.settings).close()


def test_a_lift_is_waited_for_as_such(model: Model) -> None:
    with model.client() as client:
        pending = client.lift(subject="ann")
        with pytest.raises(InputInvalid, match="there are accepted, lifted"):
            pending.wait("hidden", timeout=0)
        model.tell(pending, "lifted")
        assert pending.wait(timeout=0).state == "lifted"
        assert pending.wait("accepted", timeout=0).state == "lifted"
    assert [event.type for event in model.sent()] == ["lift"]


def test_a_count_that_comes_later_can_be_waited_for(model: Model) -> None:
    with model.client() as client:
        pending = client.forget(subject="ann", so_far=True)
        model.tell(pending, "hidden", version=8)
        assert pending.wait(timeout=0).records is None
        with pytest.raises(StillOpen, match="is not counted after 0 s"):
            pending.wait("counted", timeout=0)
        model.tell(pending, "hidden", version=8, records=3)
        assert pending.wait("counted", timeout=0).records == 3
        model.tell(pending, "hidden", version=8)
        assert pending.wait(timeout=0).records == 3


def test_so_far_is_for_whole_subjects(model: Model) -> None:
    with model.client() as client, pytest.raises(InputInvalid, match="scope: so_far is for a whole subject"):
        client.forget(subject="ann", record="r", so_far=True)

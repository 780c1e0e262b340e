"""The HTTP interface over a log in memory: what each request answers, and what then stands in the log."""

from __future__ import annotations

import json
import socket
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from copy import copy
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import httpx
import pytest

from tests.harness.gateway import Caller, gateway_files, in_process, proves, request_of
from tests.harness.settings import create_topics, settings_of
from tests.harness.waiting import until
from unlearn.client.client import Client
from unlearn.errors import LogDiverged, LogUnavailable, SettingsError, TopicMissing
from unlearn.gateway.gateway import Gateway
from unlearn.gateway.requests.ticket import Seal
from unlearn.gateway.requests.topics import Topics
from unlearn.gateway.serve import serve
from unlearn.http_server.listening import listening
from unlearn.log.memory.log import MemoryLog
from unlearn.log.memory.producer import MemoryProducer
from unlearn.log.protocol import Header
from unlearn.results.manifest import Receipt
from unlearn.settings import Settings

URL = "https://shop.example/done"


class FlakyLog(MemoryLog):
    """A log that can be away: for sends, or for all."""

    sends = reads = True

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        if not self.reads:
            raise LogUnavailable("away")
        return super().bounds(topic)

    def producer(self) -> MemoryProducer:
        return FlakyProducer(self)


class FlakyProducer(MemoryProducer):
    """Its producer."""

    def __init__(self, log: FlakyLog) -> None:
        super().__init__(log)
        self._flaky = log

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header] = ()
    ) -> Future[int]:
        if self._flaky.sends:
            return super().send(topic, partition, key, value, headers)
        future: Future[int] = Future()
        future.set_exception(LogUnavailable("away"))
        return future


class Site:
    """A gateway over a log in memory; receipts are put there by hand."""

    def __init__(self, settings: Settings, log: FlakyLog, shop: Caller, bank: Caller) -> None:
        self.settings, self.log, self.shop, self.bank = settings, log, shop, bank
        self.post, self.get, self.delete, self.status = shop.post, shop.get, shop.delete, shop.status
        self._producer = log.producer()

    def events(self) -> list[dict[str, Any]]:
        """All that stand in the log, with their places."""
        return [
            {**json.loads(record.value or b""), "place": (record.partition, record.offset)}
            for partition in range(self.settings.partitions)
            for record in self.log.read(self.settings.events_topic, partition, 0, 1 << 60)
        ]

    def answer(
        self, event: dict[str, Any], state: Any, records: int | None = None, at: str = "2026-03-01T09:30:02.000Z"
    ) -> None:
        """Put a receipt of the event on its topic."""
        partition, offset = event["place"]
        receipt = Receipt(
            event_id=event["event_id"],
            state=state,
            partition=partition,
            offset=offset,
            records=records,
            accepted_at="2026-03-01T09:30:00.000Z",
            at=at,
            deadline="2026-03-31T09:30:00.000Z",
        )
        key, value = receipt.event_id.encode(), receipt.model_dump_json().encode()
        self._producer.send(self.settings.receipts_topic, 0, key, value).result()


@contextmanager
def opened(settings: Settings, log: FlakyLog) -> Iterator[Site]:
    with in_process(settings, log) as (shop, bank):
        yield Site(settings, log, shop, bank)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return gateway_files(Path(tmp_path_factory.mktemp("files")))


@pytest.fixture
def settings(files: dict[str, Any]) -> Settings:
    return settings_of(partitions=2, gateway={**files, "callbacks": ["https://shop.example"], "answer_within": 2})


@pytest.fixture
def log(settings: Settings) -> FlakyLog:
    log = FlakyLog()
    create_topics(log, settings)
    return log


@pytest.fixture
def site(settings: Settings, log: FlakyLog) -> Iterator[Site]:
    with opened(settings, log) as site:
        yield site


def changed(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update={"gateway": settings.gateway.model_copy(update=values)})


def test_a_request_becomes_a_deletion_and_its_receipts_an_answer(site: Site) -> None:
    body = json.dumps(request_of("r1", "ann")).encode()
    created = site.post(body)
    (event,) = site.events()

    assert created.status_code == 201
    assert created.json()["encoded_request"] == b64encode(body).decode()
    assert proves(site.get("/certificate.pem").content, created.headers, created.content)
    assert {name: event[name] for name in ("type", "event_id", "subject_id", "requested_at")} == {
        "type": "delete",
        "event_id": "r1",
        "subject_id": "ann",
        "requested_at": "2026-03-01T09:30:00Z",
    }
    told = [site.status("r1")]
    for state, records in (("accepted", None), ("hidden", None), ("hidden", 3)):
        site.answer(event, state, records)
        told.append(site.status("r1"))
    assert [one["request_status"] for one in told] == ["pending", "in_progress", "completed", "completed"]
    assert [one.get("results_count") for one in told] == [None, None, None, 3]
    assert told[0]["expected_completion_time"] == created.json()["expected_completion_time"]
    assert told[3]["expected_completion_time"] == "2026-03-01T09:30:02.000Z"
    # Long ago, so that nobody knows when the next one will be done.
    later = site.post(request_of("r2", "ann")).json()
    assert wait_of(later) == site.settings.forget_within


def test_a_request_is_expected_to_take_as_long_as_the_last_ones_that_were_hidden(site: Site) -> None:
    first = site.post(request_of("r1", "ann")).json()
    (event,) = site.events()
    site.answer(event, "hidden", 3, str(datetime.fromisoformat(first["received_time"]) + timedelta(seconds=100)))

    later = site.post(request_of("r2", "bob")).json()
    assert [wait_of(first), wait_of(later)] == pytest.approx([site.settings.forget_within, 100])


def wait_of(said: dict[str, Any]) -> float:
    """Seconds from a request's coming to when it is expected to be done."""
    return seconds(said["expected_completion_time"]) - seconds(said["received_time"])


def seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def test_the_same_again_sends_nothing_and_another_body_is_a_conflict(site: Site) -> None:
    created = site.post(request_of("r1", "ann"), idempotency_key="k1")
    turned = dict(reversed(request_of("r1", "ann").items()))
    again = site.post(turned, idempotency_key="k1")

    assert again.status_code == 201
    different = {"encoded_request"}
    assert {n: v for n, v in again.json().items() if n not in different} == {
        n: v for n, v in created.json().items() if n not in different
    }
    assert site.post(request_of("r1", "bob")).status_code == 409
    assert site.post(request_of("r2", "bob"), idempotency_key="k1").status_code == 409
    assert site.bank.post(request_of("r2", "bob"), idempotency_key="k1").status_code == 201
    assert [event["event_id"] for event in site.events()].count("r1") == 1


def test_a_request_that_stands_in_the_log_by_half_is_completed_by_sending_it_again(site: Site) -> None:
    site.log.sends = False
    assert site.post(request_of("r1", "ann", "bob", "cleo")).status_code == 503
    site.log.sends = True
    sent, full = site.log.append, iter([True, False])

    def first_only(*arguments: Any) -> Any:
        if next(full, True):
            return sent(*arguments)
        raise LogUnavailable("away")

    site.log.append = first_only  # type: ignore[method-assign, assignment]
    assert site.post(request_of("r1", "ann", "bob", "cleo")).status_code == 503
    site.log.append = sent  # type: ignore[method-assign]
    assert site.status("r1")["request_status"] == "pending"

    assert site.post(request_of("r1", "ann", "bob", "cleo")).status_code == 201

    assert sorted((event["event_id"], event["subject_id"]) for event in site.events()) == [
        ("r1", "ann"),
        ("r1/2", "bob"),
        ("r1/3", "cleo"),
    ]


def test_a_pending_one_is_cancelled_by_lifts_and_others_are_not(site: Site) -> None:
    site.post(request_of("r1", "ann", "bob"))
    assert [site.delete("r1").status_code for _ in range(2)] == [202, 202]
    lifts = [event for event in site.events() if event["type"] == "lift"]
    assert sorted((lift["event_id"], lift["subject_id"]) for lift in lifts) == [
        ("r1/lift", "ann"),
        ("r1/lift/2", "bob"),
    ]
    assert site.status("r1")["request_status"] == "cancelled"
    assert site.post(request_of("r1", "ann", "bob")).status_code == 409

    site.post(request_of("r2", "cleo"))
    (event,) = (event for event in site.events() if event["event_id"] == "r2")
    site.answer(event, "accepted")
    assert "is in_progress" in site.delete("r2").json()["error"]["message"]
    site.answer(event, "hidden", 1)
    assert "is completed" in site.delete("r2").json()["error"]["message"]


def test_a_deletion_that_comes_behind_its_lift_is_not_cancelled_before_it_is_lifted_again(site: Site) -> None:
    site.post(request_of("r1", "ann"))
    partition, _ = site.events()[0]["place"]
    (first,) = site.log.read(site.settings.events_topic, partition, 0, 1)
    assert site.delete("r1").status_code == 202
    producer = site.log.producer()
    producer.send(site.settings.events_topic, partition, first.key, first.value, first.headers).result()

    assert site.status("r1")["request_status"] == "pending"
    assert site.delete("r1").status_code == 202
    assert site.status("r1")["request_status"] == "cancelled"
    assert [event["type"] for event in site.events()] == ["delete", "lift", "delete", "lift"]


def test_one_whose_event_is_no_longer_in_the_log_is_not_cancelled(site: Site) -> None:
    site.post(request_of("r1", "ann"))
    site.status("r1")
    site.log.read = lambda *_: iter(())  # type: ignore[method-assign]

    refused = site.delete("r1")

    assert refused.status_code == 409
    assert "no longer in the log" in refused.json()["error"]["message"]


def test_of_requests_with_one_key_in_the_same_moment_one_is_taken(site: Site) -> None:
    both, append = Barrier(2), site.log.append

    def together(*arguments: Any) -> Any:
        with suppress(BrokenBarrierError):
            both.wait(0.5)  # for another one, which mustn't come
        return append(*arguments)

    def post(number: int) -> int:
        with closing(Caller(site.shop.url)) as caller:
            return caller.post(request_of(f"r{number}", f"s{number}"), idempotency_key="k1").status_code

    site.log.append = together  # type: ignore[method-assign, assignment]
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(post, range(2))) == [201, 409]
    assert len(site.events()) == 1


def test_one_is_not_cancelled_while_another_asks_for_the_same_subject(site: Site) -> None:
    site.post(request_of("r1", "ann"))
    site.bank.post(request_of("r2", "ann"))

    assert site.delete("r1").status_code == 409
    assert not [event for event in site.events() if event["type"] == "lift"]


def test_each_token_sees_its_own_requests(site: Site) -> None:
    site.post(request_of("r1", "ann"))

    assert site.bank.get("/requests/r1").status_code == 404
    assert site.bank.delete("r1").status_code == 404
    assert site.bank.post(request_of("r1", "bob")).status_code == 201
    assert site.status("r1")["controller_id"] == "shop"


def test_a_new_gateway_answers_as_the_one_before(site: Site) -> None:
    site.post(request_of("r1", "ann", status_callback_urls=[URL]), reply_to=f"{URL}/fides", reply_to_token="t1")
    site.post(request_of("r2", "bob"))
    site.delete("r2")
    site.answer(site.events()[0], "accepted")
    before = [site.status(name) for name in ("r1", "r2")]

    with opened(site.settings, site.log) as other:
        assert [other.status(name) for name in ("r1", "r2")] == before


@pytest.mark.parametrize("token", ["x", "wrong-token-of-nobody"])
def test_without_a_known_token_nothing_is_answered(site: Site, token: str) -> None:
    with closing(Caller(site.shop.url, token)) as nobody:
        answers = [nobody.post(request_of("r1", "ann")), nobody.get("/requests/r1"), nobody.delete("r1")]

    assert [(one.status_code, one.headers["www-authenticate"]) for one in answers] == [(401, "Bearer")] * 3
    assert site.events() == []


def test_what_is_wrong_gets_its_code_and_nothing_is_sent(site: Site) -> None:
    wrong = {
        400: site.post(b"{"),
        413: site.post(request_of("r1", "ann", extensions={"x": "a" * 70_000})),
        415: site.post(request_of("r1", "ann"), content_type="text/plain"),
        404: site.get("/requests/r1"),
        405: httpx.put(f"{site.shop.url}/requests/r1"),
    }
    assert {code: answer.status_code for code, answer in wrong.items()} == {code: code for code in wrong}
    # A redirection would have the token sent to whatever the Host header names, without TLS behind a proxy.
    assert [site.get(path).status_code for path in ("/requests/r1/", "/discovery/")] == [404, 404]
    assert all(answer.json()["error"]["code"] == code for code, answer in wrong.items())
    refused = [
        site.post(request_of("r1", "ann", submitted_time="2999-01-01T00:00:00Z")),
        site.post(request_of("r1", "ann", status_callback_urls=["https://evil.example/"])),
        site.post(request_of("r1", "ann"), reply_to="/api/v1/callback", reply_to_token="t1"),
        site.post(request_of("r1", "ann"), reply_to_token="t1"),
        site.post(request_of("r1", "ann"), idempotency_key="k" * 300),
    ]
    assert [answer.status_code for answer in refused] == [400] * 5
    assert site.events() == []


def test_a_flood_is_told_to_come_again(settings: Settings, log: FlakyLog) -> None:
    with opened(changed(settings, rate=2.0), log) as site:
        codes = [site.get("/requests/r1").status_code for _ in range(20)]
        flooded = next(one for one in iter(lambda: site.get("/requests/r1"), None) if one.status_code == 429)

    assert codes[:4] == [404] * 4
    assert 429 in codes
    assert int(flooded.headers["retry-after"]) >= 1


def test_while_the_log_is_away_there_is_no_answer_and_afterwards_the_right_one(site: Site) -> None:
    site.post(request_of("r1", "ann"))
    site.log.reads = False
    away = [site.get("/requests/r1"), site.post(request_of("r2", "bob")), site.delete("r1")]
    site.log.reads = True

    assert [(one.status_code, one.headers["retry-after"]) for one in away] == [(503, "5")] * 3
    assert site.status("r1")["request_status"] == "pending"
    assert site.get("/requests/r2").status_code == 404


def test_receipts_beyond_what_is_read_of_the_events_wait_for_the_next_look(site: Site) -> None:
    """Another gateway's event and its receipt come between the look at the topics' ends and their reading."""
    site.post(request_of("r0", "bob"))
    (before,) = site.events()
    with opened(site.settings, copy(site.log)) as other:
        ends, steps = site.log.bounds, iter([site.settings.receipts_topic, site.settings.events_topic])
        step = [next(steps)]

        def bounds(topic: str) -> dict[int, tuple[int, int]]:
            if topic != step[0]:
                return ends(topic)
            step[0] = next(steps, "")
            if topic == site.settings.receipts_topic:
                site.answer(before, "accepted")
                return ends(topic)
            found = ends(topic)
            site.log.bounds = ends  # type: ignore[method-assign]
            other.post(request_of("r1", "ann"))
            (event,) = (event for event in other.events() if event["event_id"] == "r1")
            other.answer(event, "accepted")
            return found

        site.log.bounds = bounds  # type: ignore[method-assign]
        until(lambda: not step[0], 10, "a look came in between")

        assert site.status("r1")["request_status"] == other.status("r1")["request_status"] == "in_progress"


def test_what_it_supports_how_it_is_and_what_it_counts_is_open_to_all(site: Site) -> None:
    site.post(request_of("r1", "ann"))
    found = site.get("/discovery")

    assert found.json() == {
        "api_version": "2.0",
        "supported_identities": [{"identity_type": "controller_customer_id", "identity_format": "raw"}],
        "supported_subject_request_types": ["erasure"],
        "processor_certificate": f"{site.shop.url}/certificate.pem",
    }
    certificate = httpx.get(found.json()["processor_certificate"]).content
    assert proves(certificate, found.headers, found.content)
    site.status("r1")
    counted = site.get("/metrics").text
    assert 'unlearn_gateway_requests{status="pending"} 1.0' in counted
    assert 'unlearn_gateway_answers_total{code="201",method="POST"} 1.0' in counted
    assert "r1" not in counted
    assert [site.get(path).status_code for path in ("/livez", "/readyz")] == [200, 200]


def test_metrics_and_probes_answer_to_no_name_that_is_not_the_gateways(
    settings: Settings, log: FlakyLog, tmp_path: Path
) -> None:
    """Else a page of another site, whose name is made to lead here, would read them; the rest takes a token, or is for
    everybody."""

    def codes(site: Site, host: str) -> list[int]:
        asked = {"headers": {"Host": host}}
        return [site.shop.get(path, **asked).status_code for path in ("/livez", "/readyz", "/metrics")]

    files = gateway_files(tmp_path, domain="erase.example")
    with opened(changed(settings, **files, hosts=("gateway",)), log) as site:
        assert codes(site, "evil.example") == [421, 421, 421]
        said = site.shop.get("/metrics", headers={"Host": "evil.example"}).json()
        assert "UNLEARN_GATEWAY__HOSTS" in str(said)
        for host in ("erase.example", "gateway:8080", "localhost", "10.1.2.3:8080"):
            assert codes(site, host) == [200, 200, 200], host
        for path in ("/discovery", "/certificate.pem"):
            assert site.shop.get(path, headers={"Host": "proxy"}).status_code == 200


def test_aliases_are_among_what_it_supports(settings: Settings, log: FlakyLog) -> None:
    with opened(changed(settings, aliases=("email",)), log) as site:
        supported = site.get("/discovery").json()["supported_identities"]

    assert [(one["identity_type"], one["identity_format"]) for one in supported] == [
        ("controller_customer_id", "raw"),
        ("email", "sha256"),
        ("email", "sha1"),
        ("email", "md5"),
    ]


def test_topics_that_are_made_again_end_the_gateway(settings: Settings, log: FlakyLog) -> None:
    with Client(settings, log) as client, listening("127.0.0.1", 0) as listener:
        gateway = Gateway(settings, log, client)

        def make_again() -> bool:
            if not gateway.ready():
                log.delete_topic(settings.events_topic)
                create_topics(log, settings)
            return False

        with pytest.raises(LogDiverged):
            serve(gateway, settings, listener, "127.0.0.1", make_again)


def test_events_that_come_while_it_reads_are_no_cut_and_a_cut_is_one(settings: Settings, log: FlakyLog) -> None:
    topics = Topics(log, settings, Seal(settings.secret_bytes, settings.model), 0)
    producer, topic = log.producer(), settings.events_topic
    producer.send(topic, 0, None, b"{}").result()
    ends = topics.ends()
    producer.send(topic, 0, None, b"{}").result()

    topics.events(0.0)

    assert topics.behind(ends) == 0
    log.bounds = lambda _: dict.fromkeys(range(settings.partitions), (0, 0))  # type: ignore[method-assign, assignment]
    with pytest.raises(LogDiverged, match="was cut"):
        topics.ends()


def test_answers_go_out_at_once() -> None:
    with listening("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as client:
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert client.recv(1) == b""


def test_what_is_missing_for_a_start_is_said(settings: Settings, log: FlakyLog) -> None:
    with Client(settings, log) as client, pytest.raises(SettingsError, match="UNLEARN_GATEWAY__TOKENS"):
        Gateway(changed(settings, tokens=None), log, client)
    with Client(settings, log) as client:
        log.delete_topic(settings.receipts_topic)
        with pytest.raises(TopicMissing):
            Gateway(settings, log, client)

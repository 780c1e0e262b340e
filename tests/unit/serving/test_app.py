"""Scores over HTTP, by a server on a thread of this process: answers, readiness, changes, and what is refused."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from open_inference.openapi.client import OpenInferenceClient
from open_inference.openapi.types import InferenceRequest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.gateway import gateway_files
from tests.harness.results_harness import HAM, LEASE, PROBE, SPAM, ResultsHarness
from tests.harness.waiting import until
from unlearn.errors import LogUnavailable, NotEnough, SettingsError
from unlearn.http_server.listening import listening
from unlearn.log.memory.tails import MemoryTail
from unlearn.scoring.scorer import Scorer
from unlearn.service_settings.serving import ServingSettings
from unlearn.serving.serve import Connect, serve

EVER = 60.0
PROBES = ["/v2", "/v2/health/live", "/v2/health/ready", "/livez", "/readyz", "/metrics"]


class Running(NamedTuple):
    """A server and who asks it."""

    harness: ResultsHarness
    asks: httpx.Client


@contextmanager
def running(harness: ResultsHarness, *connects: tuple[str, Connect], **own: Any) -> Iterator[httpx.Client]:
    """A client of a server of these models, by default of the harness' own."""
    settings = harness.settings.model_copy(update={"serving": ServingSettings(**own)})
    stop = threading.Event()
    given = connects or (("demo", lambda _: harness.scorer()),)
    with listening("127.0.0.1", 0) as listener, ExitStack() as stack:
        serving = threading.Thread(target=serve, args=(given, settings, listener, "127.0.0.1", stop.is_set))
        serving.start()
        stack.callback(serving.join)
        stack.callback(stop.set)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield stack.enter_context(httpx.Client(base_url=url, timeout=EVER, trust_env=False))


def publish(harness: ResultsHarness) -> None:
    for partition, rows in enumerate((HAM, SPAM)):
        harness.publish(partition, 1, rows)


def beat(harness: ResultsHarness, sequence: int = 1) -> None:
    for partition in (0, 1):
        harness.beat(partition, sequence)


@pytest.fixture
def harness(tmp_path: Path) -> ResultsHarness:
    return ResultsHarness(tmp_path, "naive-bayes")


@pytest.fixture
def served(harness: ResultsHarness) -> Iterator[Running]:
    """Ready, with both partitions."""
    with running(harness) as asks:
        make_ready(harness, asks)
        yield Running(harness, asks)


def make_ready(harness: ResultsHarness, asks: httpx.Client) -> None:
    publish(harness)
    until(lambda: "heartbeat" in asks.get("/readyz").text, EVER, "both are merged")
    beat(harness)
    until(lambda: asks.get("/readyz").status_code == 200, EVER, "it is ready")


def texts(*given: str) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "shape": [len(given)], "datatype": "BYTES", "data": list(given)}]}


# -- answers


def test_plain_scores_are_the_scorers(served: Running) -> None:
    answer = served.asks.post("/scores", json={"texts": PROBE})

    said = answer.json()
    assert answer.status_code == 200
    assert said["scores"] == served.harness.expected(HAM, SPAM).tolist()
    assert (said["classes"], said["labels"], said["left_out"]) == (["ham", "spam"], ["spam"], [])
    assert answer.headers["unlearn-version"] == str(said["version"])
    assert answer.headers["unlearn-content"] == said["content"]
    assert answer.headers["unlearn-lease-ends"] == said["lease_ends"]
    assert (answer.headers["unlearn-learned"], said["learned"]) == ("true", True)
    assert answer.headers["cache-control"] == "no-store"
    assert served.asks.post("/models/demo/scores", json={"texts": PROBE}).json()["scores"] == said["scores"]


def test_inferred_scores_are_the_scorers(served: Running) -> None:
    answer = served.asks.post("/v2/models/demo/infer", json={**texts(*PROBE), "id": "q1"})

    said = answer.json()
    expected = served.harness.expected(HAM, SPAM)
    assert said["outputs"][0] == {
        "name": "scores",
        "datatype": "FP64",
        "shape": list(expected.shape),
        "data": expected.ravel().tolist(),
    }
    assert (said["id"], said["model_version"]) == ("q1", answer.headers["unlearn-version"])


def test_a_public_client_of_the_protocol_reads_and_asks(served: Running) -> None:
    client = OpenInferenceClient(base_url=str(served.asks.base_url))

    client.check_server_liveness()
    client.check_server_readiness()
    client.check_model_readiness("demo")
    described = client.read_model_metadata("demo")
    answer = json.loads(client.model_infer("demo", request=InferenceRequest(**texts(*PROBE))).json())

    assert described.name == answer["model_name"] == "demo"
    assert [one["data"] for one in answer["outputs"] if one["name"] == "labels"] == [["spam"]]


def test_tensors_in_binary_are_refused(served: Running) -> None:
    length = {"inference-header-content-length": "2"}
    answer = served.asks.post("/v2/models/demo/infer", content=b"{}\0\0", headers=length)
    assert (answer.status_code, "send them as JSON" in answer.json()["error"]) == (415, True)


def test_a_version_in_force_can_be_named_and_no_other(served: Running) -> None:
    version = served.asks.get("/v2/models/demo").json()["versions"][0]
    pinned = f"/v2/models/demo/versions/{version}"

    assert served.asks.post(f"{pinned}/infer", json=texts(*PROBE)).status_code == 200
    assert served.asks.get(f"{pinned}/ready").json() == {"name": "demo", "ready": True}
    older = served.asks.post(f"/v2/models/demo/versions/{int(version) - 1}/infer", json=texts(*PROBE))
    assert older.status_code == 404
    assert "may hold what was deleted since" in older.json()["error"]


def test_many_inputs_at_once(served: Running) -> None:
    many = ["win a prize", "see you at lunch"] * 300
    said = served.asks.post("/scores", json={"texts": many}).json()
    one = served.asks.post("/scores", json={"texts": many[:2]}).json()

    assert said["scores"] == one["scores"] * 300


def test_the_server_and_the_model_describe_themselves(served: Running) -> None:
    assert served.asks.get("/v2").json()["name"] == "unlearn"
    assert served.asks.get("/v2/health/live").json() == {"live": True}
    assert served.asks.get("/v2/health/ready").json() == {"ready": True}
    said = served.asks.get("/v2/models/demo").json()
    assert said["parameters"] == {"learner": "naive-bayes", "classes": ["ham", "spam"]}


# -- readiness


def test_without_a_lease_there_is_no_answer_and_the_reason(served: Running) -> None:
    served.harness.now += LEASE

    for answer in (
        served.asks.post("/scores", json={"texts": PROBE}),
        served.asks.post("/v2/models/demo/infer", json=texts(*PROBE)),
        served.asks.get("/v2/health/ready"),
        served.asks.get("/v2/models/demo/ready"),
        served.asks.get("/readyz"),
    ):
        assert answer.status_code == 503
        assert "no heartbeat within the lease" in answer.json()["error"]
    assert served.asks.get("/v2/health/live").status_code == 200

    def is_ready_again() -> bool:
        # Beaten again and again: a heartbeat counts from the last look at the log before it.
        beat(served.harness)
        return served.asks.get("/readyz").status_code == 200

    until(is_ready_again, EVER, "it is ready again")


def test_it_starts_without_a_version_and_connects_when_there_is_one(harness: ResultsHarness) -> None:
    there = threading.Event()

    def connect(_: float) -> Scorer:
        if not there.is_set():
            raise NotEnough("no version of demo is there yet", ())
        return harness.scorer()

    with running(harness, ("demo", connect)) as asks:
        until(lambda: "no version of demo" in asks.get("/readyz").text, EVER, "it says why")
        assert asks.post("/scores", json={"texts": PROBE}).status_code == 503
        there.set()
        make_ready(harness, asks)
        assert asks.post("/scores", json={"texts": PROBE}).status_code == 200


def test_a_model_that_is_followed_no_more_is_not_alive(
    harness: ResultsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(harness) as asks:
        make_ready(harness, asks)
        assert asks.get("/livez").status_code == 200

        def fail(*_: object) -> int:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(MemoryTail, "end", fail)
        until(lambda: asks.get("/livez").status_code == 503, EVER, "the thread has ended")
        assert "ZeroDivisionError: a bug" in asks.get("/v2/health/live").json()["error"]


def test_what_no_release_can_connect_is_not_alive(harness: ResultsHarness) -> None:
    def connect(_: float) -> Scorer:
        raise ZeroDivisionError("a bug")

    with running(harness, ("demo", connect)) as asks:
        until(lambda: asks.get("/livez").status_code == 503, EVER, "the thread has ended")


def test_an_outage_at_the_start_is_waited_for(harness: ResultsHarness) -> None:
    tries = 0

    def connect(_: float) -> Scorer:
        nonlocal tries
        tries += 1
        if tries < 2:
            raise LogUnavailable("Kafka is away")
        return harness.scorer()

    with running(harness, ("demo", connect)) as asks:
        make_ready(harness, asks)
        assert tries == 2


def test_settings_that_are_not_the_models_end_it(harness: ResultsHarness) -> None:
    def connect(_: float) -> Scorer:
        raise SettingsError("classes differ")

    with listening("127.0.0.1", 0) as listener, pytest.raises(SettingsError, match="classes differ"):
        serve([("demo", connect)], harness.settings, listener, "127.0.0.1", lambda: False)


def test_several_models_each_by_its_name(served: Running, tmp_path: Path) -> None:
    other = ResultsHarness(tmp_path / "other", "linear")
    connects: Sequence[tuple[str, Callable[[float], Scorer]]] = (
        ("demo", lambda _: served.harness.scorer()),
        ("second", lambda _: other.scorer()),
    )
    with running(served.harness, *connects) as asks:
        until(lambda: asks.get("/v2/models/demo/ready").status_code == 503, EVER, "it follows")
        beat(served.harness)
        until(lambda: asks.get("/v2/models/demo/ready").status_code == 200, EVER, "one is ready")
        assert asks.get("/readyz").json()["error"].startswith("second: ")
        assert asks.post("/scores", json={"texts": PROBE}).status_code == 200
        assert asks.post("/models/second/scores", json={"texts": PROBE}).status_code == 503
        unknown = asks.post("/models/third/scores", json={"texts": PROBE})
        assert (unknown.status_code, unknown.json()["error"]) == (404, "no model of this name is served: demo, second")


# -- changes


def changes(lines: Iterator[str], count: int) -> list[dict[str, Any]]:
    found = (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))
    return [next(found) for _ in range(count)]


def test_whoever_follows_is_told_of_changes(served: Running) -> None:
    harness = served.harness
    with served.asks.stream("GET", "/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        (first,) = changes(lines, 1)
        harness.send(
            harness.manifest(1, 2, [harness.entry(1, 0, SPAM[:1], status="withdrawn"), *harness.without_rows(1, 1)])
        )
        harness.beat(1, 2)
        (second,) = changes(lines, 1)

    assert first["left_out"] == []
    assert second["partitions"] == [{"partition": 1, "applied": 20, "rows": 1, "rows_before": 3, "withdrawn": [0]}]
    answer = served.asks.post("/scores", json={"texts": PROBE})
    assert answer.headers["unlearn-content"] == second["content"] != first["content"]


def test_whoever_asks_for_the_head_alone_does_not_follow(served: Running) -> None:
    """The stream went on unheard, and no further request of that connection was answered."""
    address = (served.asks.base_url.host, served.asks.base_url.port or 0)
    with socket.create_connection(address, timeout=EVER / 2) as asks:
        asks.sendall(b"HEAD /events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        asks.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        said = asks.makefile("rb").read()
    assert said.count(b"HTTP/1.1 200") == 2
    assert b"text/event-stream" in said
    assert said.endswith(b'{"live": true}')


def test_too_many_followers_are_told_to_come_again(harness: ResultsHarness) -> None:
    with running(harness, listeners=1) as asks:
        make_ready(harness, asks)
        with asks.stream("GET", "/events") as first:
            lines = first.iter_lines()  # kept: without it the stream would be closed
            changes(lines, 1)
            second = asks.get("/models/demo/events")
            assert (second.status_code, second.json()["error"]) == (503, "1 follow already")
            assert second.headers["retry-after"] == "5"


def test_the_end_of_the_server_ends_those_who_follow(harness: ResultsHarness) -> None:
    with running(harness) as asks:
        make_ready(harness, asks)
        follower = httpx.Client(base_url=asks.base_url, timeout=EVER, trust_env=False)
        answer = follower.send(follower.build_request("GET", "/events"), stream=True)
        lines = answer.iter_lines()
        changes(lines, 1)
    assert [line for line in lines if line.startswith("data: ")] == []
    follower.close()


# -- what is refused


@pytest.mark.parametrize(
    ("path", "body", "code", "reason"),
    [
        ("/scores", b"{", 400, "JSON"),
        ("/scores", b'{"texts": []}', 400, "1 to 3"),
        ("/scores", b'{"texts": ["a", "b", "c", "d"]}', 400, "1 to 3"),
        ("/scores", b'{"texts": ["' + b"a" * 3000 + b'"]}', 413, "more than 2048 bytes"),
        ("/v2/models/demo/infer", b"{}", 400, "inputs"),
        ("/v2/models/none/infer", b"{}", 404, "no model of this name"),
        ("/elsewhere", b"{}", 404, "Not Found"),
    ],
)
def test_a_request_that_is_none_is_refused_by_its_reason(
    harness: ResultsHarness, path: str, body: bytes, code: int, reason: str
) -> None:
    with running(harness, inputs=3, body_bytes=2048) as asks:
        make_ready(harness, asks)
        answer = asks.post(path, content=body)
    assert (answer.status_code, reason in answer.json()["error"]) == (code, True), answer.text


def test_with_tokens_whoever_has_none_is_refused_but_for_health(harness: ResultsHarness, tmp_path: Path) -> None:
    token = "a-token-of-somebody-0001"
    (tmp_path / "tokens").write_text(f"shop {token}\n")
    with running(harness, tokens=tmp_path / "tokens") as asks:
        make_ready(harness, asks)
        known = {"authorization": f"Bearer {token}"}
        for path in ("/v2/models/demo", "/events"):
            assert asks.get(path).status_code == 401
        assert asks.post("/scores", json={"texts": PROBE}).headers["www-authenticate"] == "Bearer"
        assert asks.post("/scores", json={"texts": PROBE}, headers=known).status_code == 200
        assert asks.get("/metrics").status_code == 200
        # A token is more than a name; what needs none is not answered to other names.
        assert asks.post("/scores", json={"texts": PROBE}, headers={**known, "Host": "a.proxy"}).status_code == 200
        assert {asks.get(path, headers={**known, "Host": "a.proxy"}).status_code for path in PROBES} == {421}


def test_without_tokens_it_answers_to_no_name_that_is_not_its_own(harness: ResultsHarness) -> None:
    """Else a page of another site, whose name is made to lead here, would read it."""
    reads = ["/v2/models/demo", "/v2/models/demo/versions/7", "/v2/models/demo/ready", "/events", "/models/demo/events"]
    foreign = {"Host": "evil.example"}

    with running(harness, hosts=("scores.example",)) as asks:
        make_ready(harness, asks)
        for path in (*reads, *PROBES):
            refused = asks.get(path, headers=foreign)
            assert (refused.status_code, "UNLEARN_SERVING__HOSTS" in refused.json()["error"]) == (421, True), path
        for path in ("/scores", "/models/demo/scores", "/v2/models/demo/infer"):
            assert asks.post(path, json={"texts": PROBE}, headers=foreign).status_code == 421, path
        for host in ("scores.example:8081", "localhost", "10.1.2.3:8081"):
            assert asks.post("/scores", json={"texts": PROBE}, headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize("path", [*(f"{path}/" for path in PROBES), "/scores/", "/v2/models/demo/"])
def test_no_answer_sends_anybody_elsewhere(harness: ResultsHarness, path: str) -> None:
    """A redirection would have the body and the token sent to whatever the Host header names."""
    with running(harness) as asks:
        codes = [asks.request(method, path, headers={"Host": "evil.example"}).status_code for method in ("GET", "POST")]
    assert codes == [404, 404]


def test_a_file_of_tokens_that_cannot_be_read_is_a_wrong_setting(harness: ResultsHarness, tmp_path: Path) -> None:
    settings = harness.settings.model_copy(update={"serving": ServingSettings(tokens=tmp_path / "none")})
    with listening("127.0.0.1", 0) as listener, pytest.raises(SettingsError, match="UNLEARN_SERVING__TOKENS"):
        serve([("demo", lambda _: harness.scorer())], settings, listener, "127.0.0.1", lambda: False)


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nhost: localhost\r\n"], ids=["idle", "half a head"])
def test_connections_that_ask_nothing_are_closed(harness: ResultsHarness, sent: bytes) -> None:
    with running(harness, connections=5, answer_within=0.2) as asks:
        address = (asks.base_url.host, asks.base_url.port or 0)
        with ExitStack() as stack:
            idle = [stack.enter_context(socket.create_connection(address, timeout=EVER)) for _ in range(4)]
            for one in idle:
                one.sendall(sent)
            assert [one.recv(1) for one in idle] == [b""] * 4
        assert asks.get("/livez").status_code == 200


def test_idle_connections_give_way_to_new_ones(harness: ResultsHarness) -> None:
    """Whoever held as many as may be had probes refused, and the server killed for that."""
    with running(harness, connections=3, answer_within=EVER) as asks:
        address = (asks.base_url.host, asks.base_url.port or 0)
        with ExitStack() as stack:
            idle = [stack.enter_context(socket.create_connection(address, timeout=EVER)) for _ in range(6)]
            assert asks.get("/livez").status_code == 200
            assert [one.recv(1) for one in idle[:4]] == [b""] * 4
            idle[5].sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert idle[5].recv(12) == b"HTTP/1.1 200"


def test_whoever_asks_again_and_again_gives_way_last(harness: ResultsHarness) -> None:
    """A proxy's connections are the oldest, and between two requests as idle as those that never ask."""
    with running(harness, connections=4, answer_within=EVER) as asks, ExitStack() as stack:
        address = (asks.base_url.host, asks.base_url.port or 0)
        proxy, *others = (stack.enter_context(closing(HTTPConnection(*address, timeout=EVER))) for _ in range(3))

        def code(connection: HTTPConnection) -> int:
            connection.request("GET", "/livez")
            answer = connection.getresponse()
            answer.read()
            return answer.status

        assert [code(one) for one in (proxy, *others, proxy)] == [200] * 4
        own = proxy.sock.getsockname()
        for _ in range(2):
            stack.enter_context(socket.create_connection(address, timeout=EVER))
        assert [one.sock.recv(1) for one in others] == [b"", b""]
        assert (code(proxy), proxy.sock.getsockname()) == (200, own)


def test_idle_connections_give_way_at_once_under_tls_too(harness: ResultsHarness, tmp_path: Path) -> None:
    """They may leave it open that theirs are closed, and so were counted for seconds."""
    files = gateway_files(tmp_path, curve=True)
    tls = {"tls_certificate": files["signing_certificate"], "tls_key": files["signing_key"]}
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    with running(harness, connections=3, answer_within=EVER, **tls) as asks, ExitStack() as stack:
        address = (asks.base_url.host, asks.base_url.port or 0)

        def connected() -> ssl.SSLSocket:
            return stack.enter_context(unchecked.wrap_socket(socket.create_connection(address, timeout=EVER)))

        *_, one = [connected() for _ in range(6)]
        one.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert one.recv(12) == b"HTTP/1.1 200"


def test_connections_that_begin_no_tls_are_closed(harness: ResultsHarness, tmp_path: Path) -> None:
    """By asyncio's own limit, a minute: so long a thousand of them left the server no file for anybody else."""
    files = gateway_files(tmp_path, curve=True)
    tls = {"tls_certificate": files["signing_certificate"], "tls_key": files["signing_key"]}
    with running(harness, answer_within=0.2, **tls) as asks:
        address = (asks.base_url.host, asks.base_url.port or 0)
        with socket.create_connection(address, timeout=EVER / 2) as idle:
            assert idle.recv(1) == b""


def test_connections_that_take_no_answers_are_closed(harness: ResultsHarness) -> None:
    body = json.dumps({"texts": ["a"] * 10_000}).encode()
    asked = b"POST /scores HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    with running(harness, answer_within=0.2) as asks:
        make_ready(harness, asks)
        address = (asks.base_url.host, asks.base_url.port or 0)
        with socket.create_connection(address, timeout=EVER) as idle, pytest.raises(ConnectionError):
            idle.sendall(asked * 1000)
        assert asks.get("/livez").status_code == 200


def test_a_connection_that_is_kept_is_not_closed_amid_a_long_answer(harness: ResultsHarness) -> None:
    with running(harness, answer_within=0.2) as asks:
        make_ready(harness, asks)
        with asks.stream("GET", "/events") as answer:
            lines = answer.iter_lines()
            changes(lines, 1)
            threading.Event().wait(0.5)
            harness.publish(0, 2, HAM[:1])
            harness.beat(0, 2)
            assert changes(lines, 1)[0]["partitions"][0]["rows"] == 1


def test_whoever_asks_for_another_protocol_is_answered_in_this_one(
    harness: ResultsHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """The log said each time to install a library."""
    wanted = {"Connection": "Upgrade", "Upgrade": "websocket"}
    with running(harness) as asks:
        assert asks.get("/livez", headers=wanted).status_code == 200
    assert "upgrade" not in caplog.text


# -- metrics


def test_metrics_tell_of_models_and_answers(served: Running) -> None:
    served.asks.post("/scores", json={"texts": PROBE * 2})
    served.asks.post("/models/other/scores", json={"texts": PROBE})
    said = served.asks.get("/metrics").text

    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    }
    assert found["unlearn_serve_ready", "demo"] == 1
    assert found["unlearn_serve_left_out", "demo"] == 0
    assert found["unlearn_serve_inputs_total", "demo"] == 2
    assert found["unlearn_serve_answers_total", "200", "demo"] == 1
    assert found["unlearn_serve_answers_total", "", "404"] == 1
    assert "other" not in said

"""The console over HTTP, with a real worker and Redis in this process: what anybody may see, and what takes a token."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness.browser import chromium
from tests.harness.events import at
from tests.harness.waiting import until
from tests.harness.worker_harness import WorkerHarness
from unlearn.console.pages.files import load_pages
from unlearn.console.serve import serve
from unlearn.errors import SettingsError, StateUnavailable
from unlearn.http_server.listening import listening
from unlearn.service_settings.console import ConsoleSettings
from unlearn.settings import Settings
from unlearn.state.keys import Keys

EVER = 60.0
TOKEN = "a-token-of-the-tests-0001"
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}
ZERO, ONE = at(0), at(1)


class Running(NamedTuple):
    """A console, its model's harness, and who asks it."""

    harness: WorkerHarness
    asks: httpx.Client

    def snapshot(self) -> dict[str, Any]:
        found: dict[str, Any] = self.asks.get("/api/snapshot").json()["snapshot"]
        return found

    def until(self, look: Any, what: str) -> Any:
        """What `look` gives of a snapshot, while the worker turns."""
        return until(lambda: look(self.snapshot()), EVER, what, self.harness.turn)


def settings_with(harness: WorkerHarness, **own: Any) -> Settings:
    fast = {"refresh": 0.05, "idle_refresh": 0.05}
    return harness.settings.model_copy(update={"console": ConsoleSettings(**fast | own)})


@pytest.fixture
def start(harness: WorkerHarness, tmp_path: Path) -> Iterator[Any]:
    """Starts a console of the harness' model, with a token unless told otherwise."""
    with ExitStack() as stack:

        def begin(*, read_only: bool = False, **own: Any) -> Running:
            tokens = tmp_path / "tokens"
            tokens.write_text(f"ops {TOKEN}\n")
            settings = settings_with(harness, tokens=None if read_only else tokens, **own)
            stop = threading.Event()
            listener = stack.enter_context(listening("127.0.0.1", 0))
            opened = (harness.log, harness.client)
            thread = threading.Thread(
                target=serve, args=(settings, lambda: nullcontext(opened), listener, "127.0.0.1", stop.is_set)
            )
            thread.start()
            stack.callback(thread.join)
            stack.callback(stop.set)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            asks = stack.enter_context(httpx.Client(base_url=url, timeout=EVER, trust_env=False))
            until(lambda: asks.get("/readyz").status_code == 200, EVER, "it has read")
            return Running(harness, asks)

        yield begin


def test_it_shows_what_the_status_tells(harness: WorkerHarness, start: Any) -> None:
    harness.insert("r1", ZERO)
    harness.insert("r2", ONE)
    harness.seal()
    harness.rest()
    console = start()

    shown = console.until(lambda s: s["level"] == "well" and s, "all is well")

    status = harness.status()
    assert shown["model"] == harness.settings.model
    assert (shown["totals"]["records"], shown["version"]) == (status.records, status.version) == (2, status.version)
    assert [(p["partition"], p["state"], p["standing"]) for p in shown["partitions"]] == [
        (0, "well", "in force"),
        (1, "well", "in force"),
    ]
    assert [worker["partitions"] for worker in shown["workers"]] == [[0, 1]]
    cells = [shard["cells"] for drawn in shown["maps"] for shard in drawn["shards"]]
    assert sorted(cells) == [".", ".", "l", "l"]


def test_pages_get_the_same_reading_and_only_what_is_new(harness: WorkerHarness, start: Any) -> None:
    harness.rest()
    console = start(watchers=2)

    def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
        name = ""
        for line in lines:
            name = line[7:] if line.startswith("event: ") else name
            if line.startswith("data: "):
                yield name, json.loads(line[6:])

    with console.asks.stream("GET", "/api/events") as first, console.asks.stream("GET", "/api/events") as second:
        assert first.headers["content-type"].startswith("text/event-stream")
        told, also = events(first.iter_lines()), events(second.iter_lines())
        for one in (told, also):
            assert next(one)[0] == "snapshot"
            kind, pulse = next(one)
            assert (kind, pulse["trouble"]) == ("pulse", "")
            assert pulse["now"] >= pulse["read_at"]
        assert console.asks.get("/api/events").status_code == 503, "more pages than may be"
        harness.insert("r1", ZERO)
        harness.apply()
        news = next(s for kind, s in told if kind == "snapshot" and s["totals"]["records"] == 1)
        assert news["model"] == harness.settings.model
    until(lambda: console.asks.stream("GET", "/api/events").__enter__().status_code == 200, EVER, "there is room again")


# -- what takes a token


def ask(console: Running, kind: str, headers: dict[str, str] = ALLOWED, **body: Any) -> httpx.Response:
    return console.asks.post(f"/api/requests/{kind}", json=body, headers=headers)


def test_a_worker_is_made_quiet_and_resumes(harness: WorkerHarness, start: Any) -> None:
    harness.rest()
    console = start()
    (worker,) = console.until(lambda s: s["workers"], "there is a worker")

    answer = ask(console, "quiet", worker=worker["worker"])

    assert (answer.status_code, answer.json()) == (202, {"asked": {"0": ["quiet"], "1": ["quiet"]}})
    console.until(lambda s: s["workers"][0]["quiet"], "it is quiet")
    harness.insert("r1", ZERO)
    shown = console.until(lambda s: s["totals"]["lag"] == 1 and s, "it waits")
    assert (shown["level"], shown["totals"]["records"]) == ("behind", 0)
    assert shown["partitions"][0]["state"] == "quiet"
    assert ask(console, "resume", worker=worker["worker"]).status_code == 202
    console.until(lambda s: s["totals"]["records"] == 1, "it goes on")


def test_a_possible_deletion_is_closed(harness: WorkerHarness, start: Any) -> None:
    offset = harness.raw(0, b'{"type":"delete" junk')
    harness.rest()
    console = start()
    (row,) = console.until(lambda s: s["possible"], "it is open")
    body = {name: row[name] for name in ("partition", "first", "last", "reason")}

    assert (row["first"], ask(console, "resolve", **body, verdict="none").status_code) == (offset, 202)

    shown = console.until(lambda s: not s["possible"] and s, "it is closed")
    assert shown["totals"]["resolved"] == 1
    again = ask(console, "resolve", **body, verdict="none")
    assert (again.status_code, "any more" in again.json()["error"]) == (400, True)


def test_without_a_token_nothing_is_asked_of_workers(harness: WorkerHarness, start: Any) -> None:
    harness.rest()
    console = start()
    (worker,) = console.until(lambda s: s["workers"], "there is a worker")
    wrong = {"Authorization": "Bearer another-token-altogether"}
    other_site = {**ALLOWED, "Sec-Fetch-Site": "cross-site"}

    codes = [ask(console, "quiet", headers, worker=worker["worker"]).status_code for headers in ({}, wrong, other_site)]
    as_form = console.asks.post("/api/requests/quiet", data={"worker": worker["worker"]}, headers=ALLOWED)
    in_cookie = console.asks.post(
        "/api/requests/quiet", json={"worker": worker["worker"]}, headers={"Cookie": f"authorization=Bearer {TOKEN}"}
    )

    assert [*codes, as_form.status_code, in_cookie.status_code] == [401, 401, 403, 415, 401]
    assert all(not harness.client.exists(Keys(harness.settings.model, p).of("asked")) for p in (0, 1))
    assert console.asks.get("/api/access", headers=wrong).status_code == 401
    assert console.asks.get("/api/access", headers=ALLOWED).json() == {"read_only": False, "name": "ops"}


def test_it_answers_to_no_name_that_is_not_its_own(harness: WorkerHarness, start: Any) -> None:
    """Else a page of another site, whose name is made to lead here, would read all of it."""
    console = start(hosts=("ops.example",))
    reads = [*load_pages(), "/api/snapshot", "/api/access", "/api/versions", "/livez", "/readyz", "/metrics"]

    for path in reads:
        refused = console.asks.get(path, headers={"Host": "evil.example:8082"})
        assert (refused.status_code, "UNLEARN_CONSOLE__HOSTS" in refused.json()["error"]) == (421, True), path
        assert refused.headers["x-frame-options"] == "DENY"
    for path in reads:
        for host in ("ops.example", "localhost:1", "10.1.2.3:8082", "[::1]"):
            assert console.asks.get(path, headers={"Host": host}).status_code == 200, (path, host)
    assert console.asks.get("/api/events", headers={"Host": "evil.example"}).status_code == 421
    asked = {**ALLOWED, "Host": "evil.example"}
    assert ask(console, "quiet", asked, worker="any").status_code == 421
    assert console.asks.post("/api/journey", json={"event": "e"}, headers=asked).status_code == 421


def test_pages_of_other_sites_ask_for_nothing_where_the_browser_says_their_origin_alone(
    harness: WorkerHarness, start: Any
) -> None:
    harness.rest()
    console = start(hosts=("ops.example",))
    (worker,) = console.until(lambda s: s["workers"], "there is a worker")
    own = str(console.asks.base_url)

    def quiet(origin: str) -> int:
        return ask(console, "quiet", {**ALLOWED, "Origin": origin}, worker=worker["worker"]).status_code

    assert [quiet(origin) for origin in ("http://evil.example", "http://10.6.6.6", "null")] == [403, 403, 403]
    assert all(not harness.client.exists(Keys(harness.settings.model, p).of("asked")) for p in (0, 1))
    assert [quiet(origin) for origin in (own, "https://ops.example")] == [202, 202]


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/access"), ("POST", "/api/journey")])
def test_tokens_can_not_be_guessed_fast(harness: WorkerHarness, start: Any, method: str, path: str) -> None:
    """What became of an event tells it by showing ids, too."""
    console = start()
    codes = [
        console.asks.request(
            method, path, json={"event": "e"}, headers={"Authorization": f"Bearer {'x' * 16}{n}"}
        ).status_code
        for n in range(40)
    ]
    assert set(codes) == {401, 429}


@pytest.mark.parametrize("read_only", [False, True])
def test_a_login_to_a_proxy_before_it_is_no_token(harness: WorkerHarness, start: Any, *, read_only: bool) -> None:
    harness.rest()
    console = start(read_only=read_only)
    logged_in = {"Authorization": "Basic b3BzOm9wcw=="}
    assert console.asks.get("/api/access", headers=logged_in).json() == {"read_only": read_only, "name": None}
    told = console.asks.post("/api/journey", json={"event": "never"}, headers=logged_in)
    assert (told.status_code, told.json()["withheld"]) == (200, True)


def test_without_tokens_it_is_read_only_for_everybody(harness: WorkerHarness, start: Any) -> None:
    harness.rest()
    console = start(read_only=True)
    answer = ask(console, "quiet", worker="any")
    assert (answer.status_code, "read-only" in answer.json()["error"]) == (403, True)
    assert console.asks.get("/api/access").json() == {"read_only": True, "name": None}


# -- what became of an event


def test_a_journey_withholds_ids_from_those_without_a_token(harness: WorkerHarness, start: Any) -> None:
    harness.insert("secret-record", ZERO)
    harness.delete("secret-record", ZERO, event_id="gone-1")
    harness.rest()
    console = start()

    def told(**headers: str) -> dict[str, Any]:
        answer = console.asks.post("/api/journey", json={"event": "gone-1"}, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    withheld, whole = told(), told(**ALLOWED)

    assert any("delete gone-1" in line["what"] and "deleted" in line["what"] for line in withheld["lines"])
    assert any("hidden" in line["what"] for line in withheld["lines"])
    assert withheld["withheld"]
    assert "secret-record" not in json.dumps(withheld)
    assert ZERO not in json.dumps(withheld)
    assert not whole["withheld"]
    assert "secret-record" in json.dumps(whole)
    assert console.asks.post("/api/journey", json={"event": "never"}).json()["lines"] == []
    assert console.asks.post("/api/journey", json={"event": 7}).status_code == 400
    assert console.asks.post("/api/journey", json={"event": "x" * 100_000}).status_code == 413


def test_a_log_that_is_too_long_is_not_read_to_its_end(harness: WorkerHarness, start: Any) -> None:
    harness.insert("r1", ZERO)
    harness.rest()
    console = start(journey_within=1e-9)
    answer = console.asks.post("/api/journey", json={"event": "gone-1"})
    assert (answer.status_code, "JOURNEY_WITHIN" in answer.json()["error"]) == (503, True)


def test_versions_are_listed(harness: WorkerHarness, start: Any) -> None:
    harness.insert("r1", ZERO)
    harness.seal()
    harness.rest()
    console = start()
    said = console.asks.get("/api/versions").json()
    numbers = [one["version"] for one in said["versions"]]
    assert numbers == sorted(numbers, reverse=True)
    assert {one["standing"] for one in said["versions"]} >= {"in force"}


# -- what every answer has in common


@pytest.mark.parametrize("path", ["/", "/main.js", "/console.css", "/runbook", "/api/snapshot", "/livez", "/nowhere"])
def test_every_answer_forbids_scripts_that_are_not_the_pages(harness: WorkerHarness, start: Any, path: str) -> None:
    answer = start().asks.get(path)
    policy = answer.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in one for one in policy)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_files_are_asked_for_once(harness: WorkerHarness, start: Any) -> None:
    asks = start().asks
    tag = asks.get("/main.js").headers["etag"]
    assert asks.get("/main.js", headers={"If-None-Match": tag}).status_code == 304
    assert asks.get("/main.js", headers={"If-None-Match": '"another"'}).status_code == 200
    assert asks.get("/runbook.md").status_code == 404


def test_it_is_ready_and_says_so_also_while_nothing_can_be_read(
    harness: WorkerHarness, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise StateUnavailable("Redis at nowhere did not answer")

    harness.rest()
    console = start()
    before = console.snapshot()
    monkeypatch.setattr("unlearn.console.reading.StatusReader.look", away)

    until(lambda: console.asks.get("/api/snapshot").json()["pulse"]["trouble"], EVER, "it fails")
    found = console.asks.get("/api/snapshot").json()

    assert found["pulse"]["trouble"] == "Redis at nowhere did not answer"
    assert found["snapshot"] == before, "what was read stays"
    assert found["pulse"]["read_at"] < found["pulse"]["now"]
    assert (console.asks.get("/livez").text, console.asks.get("/readyz").text) == ("ok\n", "ok\n")
    families = list(text_string_to_metric_families(console.asks.get("/metrics").text))
    samples = {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}
    assert samples["unlearn_console_looks_total", "failed"] > 0
    assert samples["unlearn_console_answers_total", "200", "snapshot"] >= 3
    assert samples["unlearn_console_pages",] == 0


def test_a_file_of_tokens_that_can_not_be_read_stops_the_start(harness: WorkerHarness, tmp_path: Path) -> None:
    settings = settings_with(harness, tokens=tmp_path / "none")
    with listening("127.0.0.1", 0) as listener, pytest.raises(SettingsError, match="TOKENS"):
        serve(settings, lambda: nullcontext((harness.log, harness.client)), listener, "127.0.0.1", lambda: True)


# -- behind a proxy with a login


@contextmanager
def login_before(console: Running) -> Iterator[str]:
    """The URL of a proxy that lets through those with the cookie that its /login gives."""

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/login":
                self.answer(200, {"Set-Cookie": "login=yes; HttpOnly; SameSite=Lax"}, b"welcome")
            elif self.headers.get("Cookie") != "login=yes":
                self.answer(401, {}, b"log in")
            elif self.path == "/api/events":
                self.answer(503, {}, b"no streams here")
            else:
                found = console.asks.get(self.path)
                self.answer(found.status_code, {"Content-Type": found.headers["content-type"]}, found.content)

        def answer(self, code: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_its_page_asks_with_the_login_of_a_proxy_before_it(harness: WorkerHarness, start: Any, tmp_path: Path) -> None:
    harness.rest()
    with login_before(start()) as url, chromium(tmp_path / "profile") as browser:
        browser.get(f"{url}/login")
        browser.get(f"{url}/")
        until(
            lambda: not browser.execute_script("return document.querySelector('#access').hidden"),
            EVER,
            "it knows that there are tokens",
        )

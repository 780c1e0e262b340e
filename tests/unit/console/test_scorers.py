"""What scorers say of themselves, by their metrics; and those that say nothing."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from unlearn.console.scorers import ask_scorers, said_by
from unlearn.services.address import free_port


def metrics(model: str, **values: float) -> str:
    registry = CollectorRegistry()
    for name, value in values.items():
        Gauge(f"unlearn_serve_{name}", "as `unlearn serve` has it", ["model"], registry=registry).labels(model).set(
            value
        )
    return generate_latest(registry).decode()


def test_one_that_serves_says_its_version_and_its_lease() -> None:
    said = said_by("u", metrics("m", ready=1, version=46, lease_ends_timestamp_seconds=1.5, left_out=2), "m")
    assert (said.ready, said.version, said.lease_ends, said.left_out, said.trouble) == (True, 46, 1500, 2, "")


def test_one_that_is_not_ready_or_serves_another_model_says_so() -> None:
    assert "/readyz" in said_by("u", metrics("m", ready=0), "m").trouble
    assert "doesn't serve the model m" in said_by("u", metrics("other", ready=1, version=3), "m").trouble


def test_one_that_gives_no_answer_is_named() -> None:
    (said,) = ask_scorers([f"http://127.0.0.1:{free_port()}"], "m")
    assert (said.ready, "gives no answer" in said.trouble) == (False, True)


@pytest.mark.parametrize(
    ("code", "told"), [(421, "UNLEARN_SERVING__HOSTS"), (503, "it answers 503 Service Unavailable")]
)
def test_one_that_refuses_says_why(code: int, told: str) -> None:
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        (said,) = ask_scorers([f"http://127.0.0.1:{server.server_port}"], "m")
        answering.join()
    assert (said.ready, told in said.trouble) == (False, True)

"""A call ends in its time, whatever the other end does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from unlearn.console.scorers import ask_scorers, said_by
from unlearn.environment.bounded_calls import within
from unlearn.log.kafka.security.errors import TokenUnavailable
from unlearn.log.kafka.security.token_endpoint import Endpoint, ask


def test_what_a_call_gives_or_raises_comes_through() -> None:
    assert within(60.0, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(60.0, lambda: 1 // 0)


def test_a_call_without_end_is_left_alone() -> None:
    go_on = threading.Event()
    try:
        with pytest.raises(TimeoutError):
            within(0.05, go_on.wait)
    finally:
        go_on.set()


@pytest.fixture
def dripping() -> Iterator[str]:
    """An address whose server sends the head of its answer byte by byte, for ever."""
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while not over.wait(0.02):
                try:
                    connection.sendall(b"H")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    over.set()
    thread.join(60)
    server.close()


def test_a_token_endpoint_that_drips_is_left_alone(dripping: str) -> None:
    with pytest.raises(TokenUnavailable, match=r"within 0\.3 s"):
        ask(Endpoint(dripping, "me", "secret", within=0.3))


def test_a_scorer_that_drips_gives_no_answer(dripping: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.console.scorers._WITHIN", 0.3)
    (said,) = ask_scorers([dripping], "m")
    assert said.trouble.startswith("it gives no answer")


def test_a_scorer_with_impossible_numbers_gives_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = 'unlearn_serve_ready{model="m"} 1\nunlearn_serve_version{model="m"} +Inf\n'
    with pytest.raises(ArithmeticError):
        said_by("http://scorer", metrics, "m")
    monkeypatch.setattr("unlearn.console.scorers.within", lambda *_: metrics)
    assert ask_scorers(["http://scorer"], "m")[0].trouble.startswith("it gives no answer")

"""The model is read by one thread, often while pages are open; what can't be read leaves what was read before."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.harness.console import LEASE, partition, seen
from tests.harness.waiting import until
from unlearn.console.poller import Poller
from unlearn.console.reading import Reading
from unlearn.console.shown.seen import Seen
from unlearn.errors import LogUnavailable
from unlearn.service_settings.console import ConsoleSettings

EVER = 60.0
NEVER = 3600.0


class _Pauses(threading.Event):
    """An event that notes how long it was waited for, at most."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.taken.append(timeout or 0.0)
        return super().wait(timeout)


class HandReading:
    """Gives what it is told to; counts how often it was asked and opened."""

    def __init__(self) -> None:
        self.looks = self.opened = 0
        self.say: Callable[[], Seen] = lambda: seen(partition())

    @contextmanager
    def open(self) -> Iterator[Reading]:
        self.opened += 1
        yield self  # type: ignore[misc]

    def look(self) -> Seen:
        self.looks += 1
        return self.say()


@contextmanager
def polling(reading: HandReading, **own: float) -> Iterator[Poller]:
    settings = ConsoleSettings(**{"refresh": NEVER, "idle_refresh": NEVER} | own)
    poller = Poller(reading.open, LEASE, settings)
    poller._wake = _Pauses()
    poller.start()
    try:
        yield poller
    finally:
        poller.close()


def test_it_reads_once_by_itself_and_at_once_for_the_first_page() -> None:
    reading = HandReading()
    with polling(reading) as poller:
        until(lambda: poller.outcome.number == 1, EVER, "it has read")
        assert json.loads(poller.outcome.body)["model"] == "m"
        poller.watched(1)
        until(lambda: reading.looks == 2, EVER, "for the page")
        poller.watched(2)
        poller.watched(1)
        poller.look_now()
        until(lambda: reading.looks == 3, EVER, "as asked")
    assert (reading.looks, reading.opened) == (3, 1), "one more page costs no look"


def test_it_reads_often_only_while_a_page_is_open() -> None:
    reading = HandReading()
    with polling(reading, refresh=0.001, idle_refresh=NEVER) as poller:
        pauses = poller._wake
        assert isinstance(pauses, _Pauses)
        poller.watched(1)
        until(lambda: reading.looks > 20, EVER, "it reads")
        assert NEVER not in pauses.taken[-10:]
        poller.watched(0)
        until(lambda: pauses.taken[-1] == NEVER, EVER, "it rests")


def test_the_same_again_is_no_news() -> None:
    reading = HandReading()
    with polling(reading, refresh=0.001) as poller:
        poller.watched(1)
        until(lambda: reading.looks > 5, EVER, "it reads")
        assert poller.outcome.number == 1
        reading.say = lambda: seen(partition(records=91))
        until(lambda: poller.outcome.number == 2, EVER, "it is another")


@pytest.mark.parametrize("error", [LogUnavailable("Kafka is away"), ZeroDivisionError("a mistake")])
def test_what_was_read_stays_with_why_it_is_old(error: Exception) -> None:
    def fails() -> Seen:
        raise error

    reading = HandReading()
    with polling(reading, refresh=0.001) as poller:
        poller.watched(1)
        until(lambda: poller.outcome.number == 1, EVER, "it has read")
        reading.say = fails
        until(lambda: poller.outcome.trouble, EVER, "it fails")
        old = poller.outcome
        assert (old.number, bool(old.body), bool(old.read_at)) == (1, True, True)
        assert str(error) in old.trouble or type(error).__name__ in old.trouble
        opened = reading.opened
        until(lambda: reading.opened > opened, EVER, "it tries anew, with other connections")
        reading.say = lambda: seen(partition())
        until(lambda: not poller.outcome.trouble, EVER, "it is back")


def test_one_that_hangs_is_told_of_and_counts_as_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.console.poller._LATE", 0.0)
    hangs, reading = threading.Event(), HandReading()

    def hang() -> Seen:
        hangs.wait(EVER)
        return seen(partition())

    reading.say = hang
    with polling(reading) as poller:
        until(lambda: "haven't answered" in poller.outcome.trouble, EVER, "it is told")
        assert poller.stuck_for() > 0
        hangs.set()
        until(lambda: poller.outcome.number == 1 and not poller.outcome.trouble, EVER, "it has read")
        assert poller.stuck_for() == 0
    assert poller.stuck_for() == float("inf"), "nobody looks any more"

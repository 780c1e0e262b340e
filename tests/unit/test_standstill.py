"""What stands still is told from what is idle, moves, or isn't to be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from tests.harness.settings import settings_of
from unlearn.errors import LogUnavailable
from unlearn.worker import lifecycle
from unlearn.worker.drain import Drain
from unlearn.worker.loop import Worker
from unlearn.worker.standstill import Standstill


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def answered(still: Standstill, positions: Mapping[int, int]) -> dict[int, str]:
    """What is found once the log was asked."""
    if not still.asking:
        assert still.look(positions) == {}
    deadline = time.monotonic() + 30
    while True:
        assert time.monotonic() < deadline
        found = still.look(positions)
        if not still.asking:
            return found


def test_a_partition_that_does_not_move_though_the_log_goes_on_is_named(clock: Clock) -> None:
    still = Standstill(lambda: {0: (0, 9), 1: (0, 5)}, 30.0, 10.0, clock)
    assert still.look({0: 5, 1: 5}) == {}
    clock.now = 30.0

    found = answered(still, {0: 5, 1: 5})

    assert list(found) == [0]
    assert found[0] == "nothing is read from 5 on, though the log goes up to 9"


def test_a_partition_named_once_is_given_its_time_again(clock: Clock) -> None:
    still = Standstill(lambda: {0: (0, 9)}, 30.0, 10.0, clock)
    still.look({0: 5})
    clock.now = 30.0
    assert answered(still, {0: 5})
    clock.now = 59.0
    assert still.look({0: 5}) == {}
    assert not still.asking
    clock.now = 90.0
    assert answered(still, {0: 5})


def test_nobody_is_asked_about_what_moves_or_is_not_to_be_read(clock: Clock) -> None:
    def bounds() -> dict[int, tuple[int, int]]:
        raise AssertionError

    still = Standstill(bounds, 30.0, 10.0, clock)
    for step in range(10):
        clock.now = step * 20.0
        assert still.look({0: step} | ({1: 7} if step % 2 else {})) == {}
        assert not still.asking


def test_what_moves_while_the_log_is_asked_is_not_named(clock: Clock) -> None:
    tell = threading.Event()

    def bounds() -> dict[int, tuple[int, int]]:
        assert tell.wait(30)
        return {0: (0, 9)}

    still = Standstill(bounds, 30.0, 10.0, clock)
    still.look({0: 5})
    clock.now = 30.0
    still.look({0: 5})
    tell.set()

    assert answered(still, {0: 6}) == {}


def test_a_log_that_does_not_answer_is_asked_again(clock: Clock) -> None:
    answers = iter([None, {0: (0, 9)}])

    def bounds() -> dict[int, tuple[int, int]]:
        found = next(answers)
        if found is None:
            raise LogUnavailable("away")
        return found

    still = Standstill(bounds, 30.0, 10.0, clock)
    still.look({0: 5})
    clock.now = 30.0
    assert answered(still, {0: 5}) == {}
    clock.now = 40.0
    assert answered(still, {0: 5})


class Stuck:
    """What a worker's life sees of one whose reader brings nothing."""

    reading: Mapping[int, int] = {0: 5}
    busy = False

    def __init__(self) -> None:
        self.anew: dict[int, str] = {}

    def turn(self) -> None:
        time.sleep(0.001)

    def bounds(self) -> dict[int, tuple[int, int]]:
        return {0: (0, 9)}

    def read_anew(self, stuck: Mapping[int, str]) -> None:
        self.anew.update(stuck)

    def stop_taking(self) -> None:
        """As a worker that has nothing in hand."""


class NeverDone:
    def step(self) -> bool:
        return False


def run(worker: Worker, stopping: Callable[[], bool]) -> None:
    lifecycle.run(worker, settings_of(), stopping)


def drain(worker: Worker, stopping: Callable[[], bool]) -> None:
    assert not lifecycle.drain(worker, cast("Drain", NeverDone()), stopping)


@pytest.mark.parametrize("live", [run, drain])
def test_a_worker_that_runs_or_drains_reads_anew_what_stands_still(
    live: Callable[[Worker, Callable[[], bool]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(bounds: Callable[[], Any]) -> Standstill:
        return Standstill(bounds, patience=0.0, every=0.0)

    monkeypatch.setattr(lifecycle, "Standstill", impatient)
    worker, deadline = Stuck(), time.monotonic() + 30

    live(cast("Worker", worker), lambda: bool(worker.anew) or time.monotonic() > deadline)

    assert worker.anew == {0: "nothing is read from 5 on, though the log goes up to 9"}

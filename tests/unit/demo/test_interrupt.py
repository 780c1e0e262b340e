"""An interrupt of the demo: asked first, insisted on second."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from unlearn.demo.interrupt import Interrupt

NUMBERS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def default_handlers() -> Iterator[None]:
    before = {number: signal.signal(number, signal.default_int_handler) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def completed(interrupt: Interrupt, *steps: Callable[[], None]) -> int:
    """How many steps end; one more if nothing is raised at the end either."""
    done = 0
    with suppress(KeyboardInterrupt):
        with interrupt:
            for step in steps:
                step()
                done += 1
        done += 1
    return done


def sends(number: signal.Signals) -> Callable[[], None]:
    return lambda: signal.raise_signal(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_signal_waits_for_a_check(number: signal.Signals) -> None:
    one = Interrupt()
    assert completed(one, one.check, sends(number), one.check) == 2


@pytest.mark.parametrize("number", NUMBERS)
def test_the_second_signal_is_raised_at_once(number: signal.Signals) -> None:
    assert completed(Interrupt(), sends(signal.SIGINT), sends(number)) == 1


def test_a_signal_that_nobody_checked_is_raised_at_the_end() -> None:
    assert completed(Interrupt(), sends(signal.SIGINT)) == 1
    assert completed(Interrupt()) == 1


def test_an_error_is_not_replaced() -> None:
    def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        completed(Interrupt(), sends(signal.SIGINT), fail)


@pytest.mark.parametrize("number", NUMBERS)
def test_afterwards_signals_are_as_before(number: signal.Signals) -> None:
    completed(Interrupt())
    assert signal.getsignal(number) is signal.default_int_handler

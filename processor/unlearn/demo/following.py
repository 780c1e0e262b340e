"""Watches a run and shows its progress while something is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from unlearn.demo.hosting import Workers
from unlearn.demo.interrupt import Interrupt
from unlearn.demo.send import Sender
from unlearn.demo.watching.screen import Screen
from unlearn.demo.watching.watch import Watch
from unlearn.errors import DemoFailed
from unlearn.worker.drain import Drain

__all__ = ["Following", "Patience"]

_DRAIN_WITHIN = 120.0
_LOOK = 0.02
_STEP_EVERY = 0.3


class Patience(NamedTuple):
    """Seconds to wait, and whether the run fails when they have passed."""

    seconds: float
    fails: bool = True


class Following:
    """Watches the workers, the model and an interrupt, and shows the progress."""

    def __init__(self, watch: Watch, workers: Workers, sender: Sender, screen: Screen, interrupt: Interrupt) -> None:
        self._watch, self._workers, self._sender, self._screen = watch, workers, sender, screen
        self._interrupt = interrupt
        self._check_at = 0.0

    def turn(self, doing: str, *, last: bool = False) -> None:
        """Look once, and show the progress if it is time to, or `last`. Raises DemoFailed if a worker has ended,
        KeyboardInterrupt if an interrupt came."""
        self._interrupt.check()
        self._watch.look(_LOOK)
        if time.monotonic() >= self._check_at:
            self._check_at = time.monotonic() + 1.0
            failure = self._workers.failure()
            if failure:
                raise DemoFailed(failure)
        self._screen.show(doing, lambda: self._watch.progress(self._sender.sent, self._sender.deletions), last=last)

    def until(self, done: Callable[[], bool], doing: str, patience: Patience) -> None:
        """Look on until `done`.

        Raises DemoFailed if that takes too long and `patience` says so, and what `turn` raises.
        """
        deadline = time.monotonic() + patience.seconds
        while not done():
            if time.monotonic() > deadline:
                if patience.fails:
                    raise DemoFailed(f"{doing}: not done within {patience.seconds:g} s")
                return
            self.turn(doing)

    def drain(self, plan: Drain) -> None:
        """Look on until everything sent is applied and published. Raises DemoFailed if that takes too long or a
        partition has stopped, and what `turn` raises."""
        deadline = time.monotonic() + _DRAIN_WITHIN
        while not plan.step():
            if time.monotonic() > deadline:
                left = "; ".join(f"partition {p}: {why}" for p, why in plan.waiting.items())
                raise DemoFailed(f"not drained within {_DRAIN_WITHIN:g} s: {left}")
            step_at = time.monotonic() + _STEP_EVERY
            while time.monotonic() < step_at:
                self.turn("draining")
        if plan.stopped:
            raise DemoFailed("; ".join(f"partition {p} is stopped: {why}" for p, why in plan.stopped.items()))

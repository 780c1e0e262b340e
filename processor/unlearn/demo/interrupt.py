"""Puts an interrupt off until the run is at a safe place."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Interrupt"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Inside the `with` block SIGINT and SIGTERM only ask to stop; `check` then raises KeyboardInterrupt.

    Raised just anywhere, it could meet the Kafka client while that connects: the client swallows it, and waits in vain
    for an answer. A second signal raises at once all the same. For the main thread.
    """

    def __init__(self) -> None:
        self._asked = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raises KeyboardInterrupt if a signal came."""
        if self._asked:
            raise KeyboardInterrupt

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.check()
        self._asked = True

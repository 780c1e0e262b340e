"""How a command ends when it is told to by SIGTERM or Ctrl-C: in order if it can, by force if something hangs.

What an operating system's signal tells is kept for the main thread until that comes back from what it does, and
libraries may swallow what a handler raises. So a thread of its own counts the time from the signal on. All that must
last is written so that a process may be killed at any moment.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["FORCED_AFTER", "Gently", "allow", "heeded"]

FORCED_AFTER = 10.0
"""Seconds beyond what a command was allowed for its end, after which it is ended by force."""

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}
_PLAIN = 3.0
"""Seconds for commands that have nothing to finish."""
_AGAIN = 1.0
"""Seconds after a second signal."""

_allowed = _PLAIN
_told = False
"""Whether a signal came; set by the handlers, in the main thread."""


def allow(seconds: float) -> None:
    """From now on the end may take so long after a signal, before it is forced."""
    global _allowed  # noqa: PLW0603  there is one process to end
    _allowed = seconds


@contextmanager
def heeded() -> Iterator[None]:
    """In the meantime signals end the command: SystemExit for SIGTERM, KeyboardInterrupt for SIGINT, then force.

    Does nothing where signals can't be heeded: beside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    global _told  # noqa: PLW0603  there is one process to end
    allow(_PLAIN)
    _told = False
    read, write = socket.socketpair()
    for end in (read, write):
        end.setblocking(end is read)
    before = {number: signal.signal(number, _end) for number in _SIGNALS}
    wakeup = signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(read,), name="ending", daemon=True).start()
    try:
        yield
    finally:
        if not _told:
            # It ends by itself; a process that was told to may yet hang in what its libraries do at its exit.
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            write.close()


class Gently:
    """Signals as a worker takes them: until `begin` they end the process, afterwards they only ask it to stop;
    a second one ends it all the same."""

    def __init__(self) -> None:
        self.asked = False
        self._begun = False
        for number in _SIGNALS:
            signal.signal(number, self._ask)

    def begin(self, drain_within: float) -> None:
        """What is under way is finished within `drain_within` seconds of a signal."""
        allow(drain_within + FORCED_AFTER)
        self._begun = True

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self._begun:
            _end(number, frame)
        _note()
        self.asked = True

    def __call__(self) -> bool:
        return self.asked


def _note() -> None:
    global _told  # noqa: PLW0603  there is one process to end
    _told = True


def _end(number: int, frame: FrameType | None) -> None:
    _note()
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _watch(read: socket.socket) -> None:
    """Waits for the first signal, then for the end; on a second signal the end must come soon."""
    number = _next(read)
    try:
        for patience in (_allowed, _AGAIN):
            read.settimeout(patience)
            if number is None or _next(read) is None:
                return
    except TimeoutError:
        pass
    if number is not None:
        _force(number)


def _next(read: socket.socket) -> int | None:
    """The next signal that ends; None once nobody waits for one any more. Others are passed over."""
    while data := read.recv(1):
        if data[0] in _SIGNALS:
            return data[0]
    return None


def _force(number: int) -> None:
    words = (
        f"{_WORDS[signal.Signals(number)]}, and ended by force: something hangs, and what was under way is not "
        "finished. Nothing is lost by it: the next one does it again"
    )
    # Whatever hangs may hold what these need.
    saying = threading.Thread(target=_say, args=(words,), daemon=True)
    saying.start()
    saying.join(_AGAIN)
    os._exit(128 + number)


def _say(words: str) -> None:
    if logging.getLogger().handlers:
        _log.critical("%s", words)
    else:
        print(words, file=sys.stderr, flush=True)

"""How a command ends on SIGTERM or Ctrl-C: in order if it can, by force if something hangs.

Python handles a signal only in the main thread, once that returns from a call in progress, and libraries may swallow
what a handler raises. So another thread counts the time from the signal on. All that must last is written so that a
process may be killed at any moment.
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
"""Seconds after which a command is ended by force, beyond those that it was allowed for its end."""

_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_WORDS = {signal.SIGTERM: "terminated", signal.SIGINT: "interrupted"}
_PLAIN = 3.0
"""Seconds allowed for the end of a command that has nothing to finish."""
_AGAIN = 1.0
"""Seconds allowed for the end after a second signal."""

_allowed = _PLAIN
_told = False
"""Whether a signal came; set by the handlers, in the main thread."""


def allow(seconds: float) -> None:
    """Allow the command so many seconds for its end after a signal; then the end is forced."""
    global _allowed  # noqa: PLW0603  there is one process to end
    _allowed = seconds


@contextmanager
def heeded() -> Iterator[None]:
    """Inside the `with` block signals end the command: by SystemExit for SIGTERM, by KeyboardInterrupt for SIGINT, and
    by force if that takes too long.

    Does nothing outside of the main thread, where Python can't set handlers.
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
            # Only without a signal: a process that got one may still hang in what its libraries do at exit.
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            write.close()


class Gently:
    """How a worker takes signals: before `begin` they end the process; after it, the first only asks the worker to
    stop, and a second one ends it all the same. Called, it tells whether the worker was asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        self._begun = False
        for number in _SIGNALS:
            signal.signal(number, self._ask)

    def begin(self, drain_within: float) -> None:
        """From now on a signal lets what is under way be finished, within `drain_within` seconds."""
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
    """Wait for the first signal and then for the command's end, and force the end if it is late; a second signal
    leaves less time."""
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
    """The next SIGTERM or SIGINT; other signals are passed over. None once the command has ended in order."""
    while data := read.recv(1):
        if data[0] in _SIGNALS:
            return data[0]
    return None


def _force(number: int) -> None:
    words = (
        f"{_WORDS[signal.Signals(number)]}, and ended by force: something hangs, and what was under way is not "
        "finished. Nothing is lost by it: the next one does it again"
    )
    # On a thread of its own, as what hangs may hold a lock that printing needs.
    saying = threading.Thread(target=_say, args=(words,), daemon=True)
    saying.start()
    saying.join(_AGAIN)
    os._exit(128 + number)


def _say(words: str) -> None:
    if logging.getLogger().handlers:
        _log.critical("%s", words)
    else:
        print(words, file=sys.stderr, flush=True)

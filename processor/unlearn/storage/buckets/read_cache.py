"""What a process last read of an object store, in memory alone: no disk keeps what was erased from the store.

A name held here is answered only if the store, asked anew, still has it unchanged.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

__all__ = ["Held", "ReadCache"]

_KEEP = 600.0


class Held(NamedTuple):
    """The bytes of a file, and the tag by which the store tells whether they are still its."""

    data: bytes
    tag: str


class _Timed(NamedTuple):
    held: Held
    at: float


class ReadCache:
    """Files by name, of at most `room` bytes in all. Those that were confirmed longest ago go first.

    What wasn't confirmed for ten minutes goes whenever anything is asked. Any thread may use it.
    """

    def __init__(self, room: int, clock: Callable[[], float]) -> None:
        self._room = room
        self._clock = clock
        self._bytes = 0
        self._files: OrderedDict[str, _Timed] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str) -> Held | None:
        """What is held of the name; None for nothing. The store has yet to confirm it."""
        with self._lock:
            self._expire()
            timed = self._files.get(name)
            return timed.held if timed is not None else None

    def put(self, name: str, held: Held) -> None:
        """Hold what the store has just confirmed; nothing that alone takes too much."""
        with self._lock:
            self._drop(name)
            self._expire()
            if len(held.data) <= self._room:
                self._files[name] = _Timed(held, self._clock())
                self._bytes += len(held.data)
            while self._bytes > self._room:
                self._drop(next(iter(self._files)))

    def forget(self, name: str) -> None:
        """Hold nothing of the name."""
        with self._lock:
            self._drop(name)

    def forget_all_but(self, names: AbstractSet[str], prefix: str) -> None:
        """Hold nothing below the folder `prefix` but these; of the whole store if it is empty."""
        below = prefix.rstrip("/") + "/" if prefix else ""
        with self._lock:
            for name in [held for held in self._files if held.startswith(below) and held not in names]:
                self._drop(name)

    def _expire(self) -> None:
        oldest = self._clock() - _KEEP
        while self._files and next(iter(self._files.values())).at < oldest:
            self._drop(next(iter(self._files)))

    def _drop(self, name: str) -> None:
        timed = self._files.pop(name, None)
        if timed is not None:
            self._bytes -= len(timed.held.data)

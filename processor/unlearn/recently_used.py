"""What was used last, up to so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

__all__ = ["RecentlyUsed"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Sized(NamedTuple, Generic[V]):
    value: V
    size: int


class RecentlyUsed(Generic[K, V]):
    """Values by key, of at most `room` bytes in all; those that were not used for longest go. Any thread may use it."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._bytes = 0
        self._held: OrderedDict[K, _Sized[V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value; None if it isn't held any more."""
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return None
            self._held.move_to_end(key)
            return held.value

    def put(self, key: K, value: V, size: int) -> None:
        """Hold the value of `size` bytes in place of the key's last one; neither is held if it alone takes too much."""
        with self._lock:
            self._drop(key)
            if size > self._room:
                return
            self._held[key] = _Sized(value, size)
            self._bytes += size
            while self._bytes > self._room:
                self._drop(next(iter(self._held)))

    def take(self, key: K) -> V | None:
        """The value, which isn't held any more then; None where there was none."""
        with self._lock:
            return self._drop(key)

    def clear(self) -> None:
        """Hold nothing."""
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def _drop(self, key: K) -> V | None:
        held = self._held.pop(key, None)
        if held is None:
            return None
        self._bytes -= held.size
        return held.value

"""A selector that is cheap to ask for what isn't registered, as the client does before it waits for a socket.

The standard one describes the socket twice in the error that nobody reads, and each time asks the system for both of
its addresses: a third of what the client's sending thread costs.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

__all__ = ["LeanSelector"]


class LeanSelector(selectors.DefaultSelector):
    """The system's best selector; only `get_key` differs, in the KeyError's text."""

    def __init__(self) -> None:
        super().__init__()
        self._registered: set[int] = set()

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._registered.add(key.fd)
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._registered.discard(key.fd)
        return key

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        # A closed socket has no number any more, and is found by itself.
        if number >= 0 and number not in self._registered:
            raise KeyError(number)
        return super().get_key(fileobj)

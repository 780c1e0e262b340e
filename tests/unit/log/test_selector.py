"""The selector answers as the standard one does, and asks the system for nothing when it knows no such socket."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest

from unlearn.log.kafka.selector import LeanSelector


class Described(socket.socket):
    """A socket that must not be described."""

    def __repr__(self) -> str:
        raise AssertionError("the system was asked for its addresses")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    kept = Described(fileno=ours.detach())
    yield kept, theirs
    kept.close()
    theirs.close()


def test_an_unknown_socket_is_told_without_describing_it(pair: tuple[socket.socket, socket.socket]) -> None:
    with LeanSelector() as selector, pytest.raises(KeyError):
        selector.get_key(pair[0])


def test_a_socket_is_known_while_it_is_registered(pair: tuple[socket.socket, socket.socket]) -> None:
    with LeanSelector() as selector:
        selector.register(pair[0], selectors.EVENT_READ, "one")
        selector.modify(pair[0], selectors.EVENT_WRITE, "two")
        assert selector.get_key(pair[0]).data == selector.get_key(pair[0].fileno()).data == "two"
        assert [key.data for key, _ in selector.select(0)] == ["two"]

        selector.unregister(pair[0])
        with pytest.raises(KeyError):
            selector.get_key(pair[0])


def test_a_socket_that_was_closed_while_registered_is_still_found() -> None:
    ours, theirs = socket.socketpair()
    with theirs, LeanSelector() as selector:
        selector.register(ours, selectors.EVENT_READ, "closed")
        ours.close()

        assert selector.get_key(ours).data == "closed"
        selector.unregister(ours)

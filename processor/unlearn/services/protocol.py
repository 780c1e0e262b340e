"""What every local service offers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from unlearn.services.address import Address

Say = Callable[[str], None]
"""Takes one line of progress for the user."""


class Service(Protocol):
    """A service on this machine."""

    name: str
    address: Address

    def up(self, say: Say) -> str:
        """Starts it unless it answers already, and waits until it answers. Gives a text on how it runs.

        Raises ServiceUnavailable.
        """

    def down(self, say: Say) -> bool:
        """Stops what `up` started; False if there was nothing to stop."""

    def erase(self) -> None:
        """Removes the stopped service's data."""

    def answers(self) -> bool:
        """Whether a client is served."""

    def log_end(self, lines: int) -> str:
        """The last `lines` lines of its log."""


def wait_until(done: Callable[[], bool], patience: float, hopeless: Callable[[], bool] = lambda: False) -> bool:
    """Whether `done` came true within `patience` seconds; it is polled, and given up early once it is `hopeless`."""
    end = time.monotonic() + patience
    while not done():
        if hopeless() or time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True

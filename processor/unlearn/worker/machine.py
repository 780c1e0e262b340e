"""What a worker takes from the machine it runs on. A simulation hands in its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final, NamedTuple

from unlearn.environment.clock import MACHINE_CLOCK, Clock

__all__ = ["MACHINE", "Machine"]


def _one_thread() -> Executor:
    return ThreadPoolExecutor(1, thread_name_prefix="io")


class Machine(NamedTuple):
    """Clocks, random nonces and the executor for files, as a worker uses them."""

    clock: Clock = MACHINE_CLOCK
    """The clock of the loop and its steps."""
    waiting: Clock = MACHINE_CLOCK
    """The clock by which waits for Redis or the log come to an end. It must go on while one waits.

    `clock` may stand still within a turn, as it does in a simulation.
    """
    nonces: Callable[[int], str] = secrets.token_hex
    """Gives a nonce of so many random bytes, in hex."""
    make_io: Callable[[], Executor] = _one_thread
    """Makes the executor on which files are read and written beside the loop. The worker shuts it down."""


MACHINE: Final = Machine()

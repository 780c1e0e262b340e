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
    clock: Clock = MACHINE_CLOCK
    """The loop's and its steps'."""
    waiting: Clock = MACHINE_CLOCK
    """Says how long an answer of Redis or of the log has been waited for. It must go on while one waits, though the
    loop's clock may stand still within a turn."""
    nonces: Callable[[int], str] = secrets.token_hex
    """A nonce of so many random bytes, in hex."""
    make_io: Callable[[], Executor] = _one_thread
    """Makes the executor that reads and writes files beside the loop; the worker shuts it down."""


MACHINE: Final = Machine()

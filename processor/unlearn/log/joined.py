"""One future for messages that were sent one by one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

__all__ = ["all_of"]


def all_of(answers: Sequence[Future[int]]) -> Future[list[int]]:
    """The results of all, at least one, once all have one; the error of any that fails."""
    answer: Future[list[int]] = Future()
    lock, left = threading.Lock(), set(range(len(answers)))

    def settle(number: int, one: Future[int]) -> None:
        with lock:
            left.discard(number)
            settled = not answer.done()
            if settled and (error := one.exception()) is not None:
                answer.set_exception(error)
            elif settled and not left:
                answer.set_result([each.result() for each in answers])

    for number, one in enumerate(answers):
        one.add_done_callback(lambda done, number=number: settle(number, done))  # type: ignore[misc]
    return answer

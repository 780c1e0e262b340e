"""Deletions of a command, sent and followed until their receipts have come, with bars."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unlearn.cli import context
from unlearn.cli.connect import open_sink

if TYPE_CHECKING:
    from rich.progress import Progress

    from unlearn.admin.forget import Followed
    from unlearn.client.new_receipts import NewReceipts
    from unlearn.log.protocol import Log
    from unlearn.settings import Settings

__all__ = ["follow"]

_QUIET_FOR = 30.0
"""Seconds without a receipt after which a note says where to look."""


def follow(log: Log, settings: Settings, requests: Followed, wait: float, receipts: NewReceipts | None = None) -> None:
    """Send the deletions and follow their receipts until all have ended, or for `wait` seconds.

    `receipts`: from where on they are read; None: from the topic's end as it is now. Raises as `send_requests` and
    `await_receipts`.
    """
    from unlearn.admin.forget import await_receipts, send_requests
    from unlearn.client.new_receipts import NewReceipts

    receipts = receipts or NewReceipts(log, settings.receipts_topic)
    with _bars(requests) as bars:
        with open_sink(log, settings) as sink:
            send_requests(requests, sink, bars.update)
        await_receipts(receipts, requests, wait, bars.update)


class _Bars:
    """Two bars, of what is sent and of what has ended; and a note where no receipt comes."""

    def __init__(self, requests: Followed, progress: Progress) -> None:
        self._requests, self._progress = requests, progress
        self._sent = progress.add_task("sent", total=len(requests))
        self._ended = progress.add_task("hidden", total=len(requests))
        self._seen, self._since, self._noted = 0, time.monotonic(), False

    def update(self) -> None:
        self._progress.update(self._sent, completed=len(self._requests) - self._requests.unsent)
        self._progress.update(self._ended, completed=self._requests.ended)
        seen, now = self._requests.seen, time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        elif not self._noted and now - self._since > _QUIET_FOR:
            self._noted = True
            self._progress.console.print(
                f"no receipt for {_QUIET_FOR:.0f} s: is a worker running? `unlearn status` tells", markup=False
            )


@contextmanager
def _bars(requests: Followed) -> Iterator[_Bars]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with context.progress(*columns) as progress:
        yield _Bars(requests, progress)

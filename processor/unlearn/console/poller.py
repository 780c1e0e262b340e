"""Reads the model on a thread of its own, for all pages that are open: often while there are some, else seldom."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from unlearn.console.reading import Reading
from unlearn.console.shown.snapshot import Snapshot, snapshot_of
from unlearn.errors import UnlearnError
from unlearn.service_settings.console import ConsoleSettings

__all__ = ["Outcome", "Poller"]

_log = logging.getLogger(__name__)
_SHARE = 4
"""A look is followed by a pause of so many times its length, so that a large model isn't read all the time."""
_LATE = 3.0
"""Seconds after which a look that is under way is told of."""
_STOPS_WITHIN = 5.0


class Outcome(NamedTuple):
    """The newest reading, and what came after it.

    number    rises with each reading that differs from the one before; 0 before the first
    body      its snapshot as JSON; empty before the first
    read_at   when the model was last read, in ms since 1970; None before the first time
    trouble   why it couldn't be read since; empty where nothing is wrong
    """

    number: int = 0
    body: bytes = b""
    read_at: int | None = None
    trouble: str = ""


class Poller:
    """`looked` is called on the poller's thread with each outcome, and the seconds that the look took."""

    def __init__(
        self,
        open_reading: Callable[[], AbstractContextManager[Reading]],
        lease: float,
        own: ConsoleSettings,
        looked: Callable[[Outcome, float], None] = lambda *_: None,
    ) -> None:
        self._open_reading, self._lease, self._own, self._looked = open_reading, lease, own, looked
        self._newest: Outcome = Outcome()
        self._snapshot: Snapshot | None = None
        self._watched = 0
        self._wake, self._stop = threading.Event(), threading.Event()
        self._began: float | None = None
        self._thread = threading.Thread(target=self._run, name="console reading", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop; a look that hangs is left behind."""
        self._stop.set()
        self._wake.set()
        self._thread.join(_STOPS_WITHIN)

    def watched(self, count: int) -> None:
        """So many pages are open. The first one has the model read at once."""
        first = count > 0 and self._watched == 0
        self._watched = count
        if first:
            self._wake.set()

    def look_now(self) -> None:
        """Have the model read at once."""
        self._wake.set()

    @property
    def outcome(self) -> Outcome:
        """The newest, with what is waited for where a look is under way for long. For any thread."""
        newest, began = self._newest, self._began
        waited = 0.0 if began is None else time.monotonic() - began
        if waited <= _LATE or newest.trouble:
            return newest
        return newest._replace(trouble="Kafka, Redis or the store haven't answered for seconds")

    @property
    def snapshot(self) -> Snapshot | None:
        """What was last shown; None before the first reading."""
        return self._snapshot

    def stuck_for(self) -> float:
        """Seconds for which a look is under way; endless where there is no thread to look."""
        if not self._thread.is_alive():
            return float("inf")
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def _run(self) -> None:
        while not self._stop.is_set():
            self._began = time.monotonic()
            try:
                with self._open_reading() as reading:
                    self._go_on(reading)
            except UnlearnError as error:
                self._failed(str(error))
            except Exception as error:  # noqa: BLE001  the page says that it is old, and looking goes on
                _log.exception("the model couldn't be read")
                self._failed(f"an error that was not foreseen, {type(error).__name__}: the console's log tells it")
            self._pause(0.0)

    def _go_on(self, reading: Reading) -> None:
        while not self._stop.is_set():
            self._began = began = time.monotonic()
            snapshot = snapshot_of(reading.look(), self._lease)
            self._began = None
            self._took(snapshot, time.monotonic() - began)
            self._pause(time.monotonic() - began)

    def _took(self, snapshot: Snapshot, seconds: float) -> None:
        said = snapshot.to_json()
        # The time alone is no news.
        body = json.dumps({**said, "at": 0}).encode()
        number = self._newest.number + (body != self._newest.body)
        self._snapshot = snapshot
        self._newest = Outcome(number, body, snapshot.at)
        self._looked(self._newest, seconds)

    def _failed(self, why: str) -> None:
        began, self._began = self._began, None
        if why != self._newest.trouble:
            _log.warning("the model can't be read now: %s", why)
        self._newest = self._newest._replace(trouble=why)
        self._looked(self._newest, 0.0 if began is None else time.monotonic() - began)

    def _pause(self, took: float) -> None:
        if self._stop.is_set():
            return
        every = self._own.refresh if self._watched else self._own.idle_refresh
        self._wake.wait(max(every, _SHARE * took))
        self._wake.clear()

"""A thread that polls until it is told to stop, and tells of an error that has ended it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from unlearn.errors import ScorerStopped, UnlearnError

__all__ = ["Polling"]

_log = logging.getLogger(__name__)
_AFTER_AN_OUTAGE = 1.0


class Polling:
    """Calls `poll` over and over in a thread. After an UnlearnError it goes on; any other error ends the thread.

    Start it once at most.
    """

    def __init__(self, poll: Callable[[], object]) -> None:
        self._poll = poll
        self._stop = threading.Event()
        self._ended: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def started(self) -> bool:
        return self._thread is not None

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="unlearn-scorer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to stop, and wait until it has ended. Safe to repeat, and to call from any thread."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def check(self) -> None:
        """Raises ScorerStopped, with the reason, if it was told to stop or something has ended the thread."""
        if self.stopped:
            raise ScorerStopped("the scorer is closed")
        if self._ended is not None:
            reason = f"{type(self._ended).__name__}: {self._ended}"
            raise ScorerStopped(f"the scorer follows its model no more, it was ended by {reason}") from self._ended

    def _run(self) -> None:
        try:
            while not self.stopped:
                self._turn()
        except BaseException as error:  # noqa: BLE001  whatever ends it is told to whoever asks for scores
            self._ended = error
            _log.critical("the results are followed no more", exc_info=error)

    def _turn(self) -> None:
        try:
            self._poll()
        except UnlearnError as error:
            if not self.stopped:
                _log.warning("the results can't be followed, trying again: %s", error)
                self._stop.wait(_AFTER_AN_OUTAGE)

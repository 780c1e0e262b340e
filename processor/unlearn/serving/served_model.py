"""One model that is served over HTTP: its scorer, connected as soon as that can be."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from unlearn.errors import NotEnough, ScorerStopped, SettingsError, UnlearnError
from unlearn.scoring.changes import Change
from unlearn.scoring.scorer import Scorer
from unlearn.scoring.serving import Served

__all__ = ["ServedModel"]

_log = logging.getLogger(__name__)
_WAIT = 2.0
"""Seconds that one try to connect waits for a first version."""
_AGAIN = 1.0


class ServedModel:
    """Connects in a thread of its own. `connect(seconds)` gives a scorer, or raises an UnlearnError.

    `failed` is an error that no waiting mends: settings that are not the model's.
    """

    def __init__(self, name: str, connect: Callable[[float], Scorer], tell: Callable[[str, Change], object]) -> None:
        self.name = name
        self.failed: SettingsError | None = None
        self._connect, self._tell = connect, tell
        self._scorer: Scorer | None = None
        self._why, self._ended = "it isn't connected yet", ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"serve-{name}", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def close(self) -> None:
        """Serve no more."""
        self._stop.set()
        self._thread.join()
        if self._scorer is not None:
            self._scorer.close()

    def served(self) -> Served:
        """What may be served now. Raises NotEnough with the reason, ScorerStopped."""
        scorer = self._scorer
        if scorer is None:
            raise NotEnough(self._why, ())
        return scorer.served()

    def why_not(self) -> str:
        """Why it can't answer now; empty where it can."""
        try:
            self.served()
        except (NotEnough, ScorerStopped) as error:
            return str(error)
        return ""

    @property
    def ended(self) -> str:
        """Why it can't answer any more until the process is started again; empty where it goes on."""
        scorer = self._scorer
        if scorer is None:
            return self._ended
        try:
            scorer.served()
        except ScorerStopped as error:
            return str(error)
        except NotEnough:
            pass
        return ""

    @property
    def change(self) -> Change | None:
        """What was told last; None before the first version."""
        return self._scorer.last_change if self._scorer else None

    def _run(self) -> None:
        while not self._stop.is_set() and self._scorer is None:
            began = time.monotonic()
            try:
                scorer = self._connect(_WAIT)
            except SettingsError as error:
                self.failed, self._why = error, str(error)
                return
            except UnlearnError as error:
                self._say(str(error))
                self._stop.wait(max(0.0, _AGAIN - (time.monotonic() - began)))
                continue
            except Exception as error:  # noqa: BLE001  whatever it is, it is told to whoever asks
                _log.exception("the model %s can't be served", self.name)
                self._why = self._ended = f"it can't be served: {type(error).__name__}"
                return
            scorer.on_change(lambda change: self._tell(self.name, change))
            self._scorer = scorer.start()

    def _say(self, why: str) -> None:
        if why != self._why:
            _log.warning("%s is not served yet: %s", self.name, why)
        self._why = why

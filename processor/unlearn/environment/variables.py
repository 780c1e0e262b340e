"""Environment variables that say how the program runs, not how the model is; so they are no settings."""

from __future__ import annotations

from typing import Final

CONFIG: Final = "UNLEARN_CONFIG"
"""Names the file of settings where `--config` doesn't."""

TRACEBACK: Final = "UNLEARN_TRACEBACK"
"""If set, and not to 0, an unforeseen error shows where it arose, as with `--traceback`."""

LOG_FORMAT: Final = "UNLEARN_LOG_FORMAT"
"""How log lines are written: `text`, `json`, or `auto`: text on a terminal, JSON otherwise."""

LOG_LEVEL: Final = "UNLEARN_LOG_LEVEL"
"""From which level on lines are logged, where `--log-level` doesn't say."""

NO_SETTINGS: Final = frozenset({CONFIG, TRACEBACK, LOG_FORMAT, LOG_LEVEL})

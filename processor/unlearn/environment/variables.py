"""Environment variables that say how the program runs, not how the model is; so they are no settings."""

from __future__ import annotations

from typing import Final

CONFIG: Final = "UNLEARN_CONFIG"
"""Names the file of settings where `--config` doesn't."""

TRACEBACK: Final = "UNLEARN_TRACEBACK"
"""If set, and not to 0, an unforeseen error shows where it arose, as with `--traceback`."""

NO_SETTINGS: Final = frozenset({CONFIG, TRACEBACK})

"""Variables of the environment that say how the program runs, not how the model is: they are no settings."""

from __future__ import annotations

from typing import Final

CONFIG: Final = "UNLEARN_CONFIG"
"""The file of settings, where `--config` names none."""

TRACEBACK: Final = "UNLEARN_TRACEBACK"
"""Set, and not 0: an unforeseen error shows where it arose, as with `--traceback`."""

NO_SETTINGS: Final = frozenset({CONFIG, TRACEBACK})

"""The user's folders, by the XDG rules: one for what must last, one for what can be made again."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["EARLIER", "cache_home", "default_services_dir", "state_home"]

EARLIER = Path(".services")
"""Where the services' data and the store were by default, in the folder that a command was run in."""


def state_home() -> Path:
    """The folder for what must last, below XDG_STATE_HOME or else ~/.local/state.

    It may be missing, or not be writable.
    """
    return _named("XDG_STATE_HOME", ".local/state") / "unlearn"


def cache_home() -> Path:
    """The folder for what can be fetched again, below XDG_CACHE_HOME or else ~/.cache."""
    return _named("XDG_CACHE_HOME", ".cache") / "unlearn"


def default_services_dir() -> Path:
    """The user's `state_home`; but `.services` in the current folder if that is there from an earlier release."""
    return EARLIER.absolute() if EARLIER.is_dir() else state_home()


def _named(variable: str, below_home: str) -> Path:
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else _home() / below_home


def _home() -> Path:
    """The user's home; the root for a user without one, as in containers, where making a folder then fails with a
    message."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path's raises where there is none
    return home if home.is_absolute() else Path("/")

"""The user's folders, by the XDG rules: one for what must last, one for what can be made again."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["EARLIER", "cache_home", "default_services_dir", "state_home"]

EARLIER = Path(".services")
"""Where the services' data and the store were by default, in the folder that a command was run in."""


def state_home() -> Path:
    """Of what must last: XDG_STATE_HOME, else ~/.local/state. It may not be there, or not be ours to write to."""
    return _named("XDG_STATE_HOME", ".local/state") / "unlearn"


def cache_home() -> Path:
    """Of what can be fetched again: XDG_CACHE_HOME, else ~/.cache."""
    return _named("XDG_CACHE_HOME", ".cache") / "unlearn"


def default_services_dir() -> Path:
    """A fixed folder of the user's; but one of before, in the folder we are in, goes on being used."""
    return EARLIER.absolute() if EARLIER.is_dir() else state_home()


def _named(variable: str, below_home: str) -> Path:
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else _home() / below_home


def _home() -> Path:
    """A user without a home has the root, as in containers: what can't be made there is told then."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path's raises where there is none
    return home if home.is_absolute() else Path("/")

"""What a simulation finds."""

from __future__ import annotations

__all__ = ["Wrong", "equal"]


class Wrong(AssertionError):
    """A promise is broken."""


def equal(what: str, found: object, must: object) -> None:
    """Raises Wrong."""
    if found != must:
        raise Wrong(f"{what}: {found!r} must be {must!r}")

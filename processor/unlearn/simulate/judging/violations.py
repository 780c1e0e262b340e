"""How a simulation says what is wrong."""

from __future__ import annotations

__all__ = ["Wrong", "equal"]


class Wrong(AssertionError):
    """Raised where a promise of the design is broken."""


def equal(what: str, found: object, must: object) -> None:
    """Raise Wrong unless `found` equals `must`; `what` names it."""
    if found != must:
        raise Wrong(f"{what}: {found!r} must be {must!r}")

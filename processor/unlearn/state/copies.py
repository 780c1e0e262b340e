"""A deletion's copies: one that names a record or an alias alone is copied to all partitions."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Copy", "Place"]

Place = tuple[int, int]
"""(partition, offset) of a deletion."""


class Copy(NamedTuple):
    """A deletion's copy in a partition."""

    original: Place
    offset: int
    """Of the copy, in its own partition."""

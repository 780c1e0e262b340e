"""Reading slice files. A name's content never changes, so the last few stay decoded."""

from __future__ import annotations

from functools import lru_cache

from processor.slices import Members, decode_slice
from processor.store import Store

__all__ = ["read_slice"]


@lru_cache(maxsize=64)
def read_slice(store: Store, name: str) -> Members:
    """The rows of a slice file; none for the empty name. Raises StoreUnavailable, ArtefactInvalid."""
    return decode_slice(store.get(name)) if name else Members.empty()

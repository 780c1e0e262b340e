"""Reading slice files. A name's content never changes, so the last few stay decoded."""

from __future__ import annotations

from functools import lru_cache

from unlearn.errors import ArtefactInvalid
from unlearn.partition.slices import Members, decode_slice
from unlearn.storage.artefacts import Store, is_whole

__all__ = ["read_slice"]


@lru_cache(maxsize=64)
def read_slice(store: Store, name: str) -> Members:
    """The rows of a slice file; none for the empty name. Raises StoreUnavailable, ArtefactInvalid."""
    if not name:
        return Members.empty()
    data = store.get(name)
    if not is_whole(name, data):
        raise ArtefactInvalid(f"{name} is not what was written under this name")
    return decode_slice(data)

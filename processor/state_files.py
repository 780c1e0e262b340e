"""The bytes of a stored state, checked against its digest."""

from __future__ import annotations

import hashlib

from processor.errors import ArtefactMissing, StateInvalid
from processor.store import Store

__all__ = ["read_state"]


def read_state(store: Store, name: str, digest: str) -> bytes:
    """Raises StateInvalid where the file is gone or spoilt, StoreUnavailable where nothing can be read."""
    try:
        data = store.get(name)
    except ArtefactMissing as error:
        raise StateInvalid(f"the state {name} is gone") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise StateInvalid(f"the state {name} is not what its digest says")
    return data

"""The bytes of a stored state, checked against its digest."""

from __future__ import annotations

import hashlib

from unlearn.errors import ArtefactInvalid, ArtefactMissing, StateInvalid
from unlearn.storage.artefacts import Store

__all__ = ["read_state"]


def read_state(store: Store, name: str, digest: str, size: int | None = None) -> bytes:
    """The bytes of a stored state, checked against `digest`, its sha256 in hex, and against `size` in bytes if given.

    Raises StateInvalid where the file is gone or spoilt, StoreUnavailable where the store can't be read.
    """
    try:
        data = store.get(name, size)
    except ArtefactMissing as error:
        raise StateInvalid(f"the state {name} is gone") from error
    except ArtefactInvalid as error:
        raise StateInvalid(f"the state {error}") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise StateInvalid(f"the state {name} is not what its digest says")
    return data

"""Slice files: how they are written and read.

A slice file is one shard's rows of one ended slice, columns side by side: slot, record digest, subject
digest (zeros where there is none), revision, label, features. Its header holds the slice's end and the
`applied` at which it was made. Feature values that are all whole numbers from 1 to 255, as words' counts are, take one
byte each; files of an earlier release (`slice/1`) have them as float64 always.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unlearn.errors import ArtefactInvalid
from unlearn.partition.rows import Members
from unlearn.recently_used import RecentlyUsed
from unlearn.storage.artefacts import Store, is_whole
from unlearn_models.base.encoding import decode_arrays, encode_arrays
from unlearn_models.base.errors import ModelError
from unlearn_models.base.rows import Rows

__all__ = ["LAST_READ", "decode_slice", "encode_slice", "read_slice"]

LAST_READ: Final = RecentlyUsed[tuple[Store, str], Members](16 << 20)
"""What `read_slice` keeps in memory, by store and name, in this process."""
_KIND: Final = "slice/2"
_READ: Final = ("slice/1", _KIND)
_COLUMNS = ("slots", "records", "subjects", "revisions")
_ROWS = tuple(column.name for column in fields(Rows))


def encode_slice(end: int, applied: int, members: Members) -> bytes:
    """The bytes of a slice file with these rows. `end`: the slice's end; `applied`: no row in it was dead before."""
    arrays: dict[str, NDArray[Any]] = {name: getattr(members, name) for name in _COLUMNS}
    arrays |= {name: getattr(members.rows, name) for name in _ROWS}
    arrays["values"] = _narrow(members.rows.values)
    return encode_arrays({"kind": _KIND, "end": end, "applied": applied}, arrays)


def decode_slice(data: bytes) -> Members:
    """The rows of a slice file. Raises ArtefactInvalid for any other bytes."""
    try:
        header, arrays = decode_arrays(data)
        if header.get("kind") not in _READ:
            raise ArtefactInvalid("a file of the store is not a slice file")
        arrays["values"] = arrays["values"].astype(np.float64, copy=False)
        # As all others are: whoever reads the file next is given the same arrays.
        arrays["values"].flags.writeable = False
        rows = Rows(**{name: arrays[name] for name in _ROWS})
        return Members(**{name: arrays[name] for name in _COLUMNS}, rows=rows)
    except (ModelError, KeyError, TypeError) as error:
        raise ArtefactInvalid(f"a slice file can't be read: {error}") from error


def read_slice(store: Store, name: str) -> Members:
    """The rows of the slice file or tail of this name, checked against its digest; no rows for the empty name.

    The last 16 MiB are kept in memory. Raises StoreUnavailable, ArtefactInvalid.
    """
    if not name:
        return Members.empty()
    held = LAST_READ.get((store, name))
    if held is not None:
        return held
    data = store.get(name)
    if not is_whole(name, data):
        raise ArtefactInvalid(f"{name} is not what was written under this name")
    members = decode_slice(data)
    LAST_READ.put((store, name), members, len(data) + members.rows.values.nbytes)
    return members


def _narrow(values: NDArray[np.float64]) -> NDArray[np.float64] | NDArray[np.uint8]:
    """The values as bytes where that changes none of them."""
    with np.errstate(invalid="ignore"):
        narrow = values.astype(np.uint8)
    return narrow if np.array_equal(narrow, values) else values

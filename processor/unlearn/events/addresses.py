"""Where the usual inserts of a batch belong, as columns: digests, homes and shards, as `partitioner` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unlearn.events.contents import Contents
from unlearn.events.event import MAX_ID
from unlearn.events.partitioner import CONTENT_SIZE, DIGEST_SIZE, TAG, digest_key
from unlearn.kernels.blake2b import keyed_state
from unlearn.kernels.digests import feature_digests, id_digests, text_digests
from unlearn.kernels.murmur2 import home_partitions

__all__ = ["Addresses", "Addressing"]

_MOST_ID_BYTES = 4 * MAX_ID
_PREFIXES = 16
"""Room for the lengths and marks beside what is digested."""


@dataclass(frozen=True, slots=True, eq=False)
class Addresses:
    """Of n inserts: digests of records and subjects (n, 16) uint8, of contents (n, 4) uint8, and shards (n,) int32.

    An insert without a subject has zeros for its subject's digest.
    """

    records: NDArray[np.uint8]
    subjects: NDArray[np.uint8]
    contents: NDArray[np.uint8]
    shards: NDArray[np.int32]

    def take(self, which: NDArray[np.bool_]) -> Addresses:
        """Those where the mask (n,) is true."""
        return Addresses(self.records[which], self.subjects[which], self.contents[which], self.shards[which])


class Addressing:
    """Computes addresses under one secret.

    `classes`: the labels by their numbers; `partitions`: P0, the count when the model was made; `shards`: of each.
    """

    def __init__(self, secret: bytes, classes: Sequence[str], partitions: int, shards: int) -> None:
        key = digest_key(secret)
        self._record = keyed_state(key, b"record", DIGEST_SIZE)
        self._subject = keyed_state(key, b"subject", DIGEST_SIZE)
        self._content = keyed_state(key, b"content", CONTENT_SIZE)
        names = [name.encode() for name in classes]
        self._names = np.frombuffer(b"".join(names), np.uint8)
        self._name_ends = np.cumsum([len(name) for name in names], dtype=np.int64)
        self._partitions, self._shards = partitions, shards
        self._ids = np.empty(_MOST_ID_BYTES + _PREFIXES, np.uint8)

    def homes(
        self, data: NDArray[np.uint8], records: NDArray[np.int64], subjects: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        """The home partition of each insert (n,) int32, by spans of its ids; any number where there is no record."""
        owners = np.where(subjects[:, :1] < 0, records, subjects)
        homes = np.empty(len(owners), np.int32)
        home_partitions(data, owners, self._partitions, homes)
        return homes

    def of(
        self,
        data: NDArray[np.uint8],
        records: NDArray[np.int64],
        subjects: NDArray[np.int64],
        contents: Contents,
    ) -> Addresses:
        """The addresses of inserts, by spans (n, 2) of their ids in `data`; -1 for no subject."""
        n = len(records)
        ids = np.empty((n, DIGEST_SIZE), np.uint8), np.empty((n, DIGEST_SIZE), np.uint8)
        id_digests(*self._record, data, records, self._ids, ids[0])
        id_digests(*self._subject, data, subjects, self._ids, ids[1])
        owners = np.where(subjects[:, :1] < 0, *ids)
        return Addresses(*ids, self._contents(contents), self._shards_of(owners))

    def _contents(self, held: Contents) -> NDArray[np.uint8]:
        digests = np.empty((len(held), CONTENT_SIZE), np.uint8)
        labelled = *self._content, self._names, self._name_ends, held.labels
        text_digests(*labelled, held.text, held.texts, self._scratch(held.texts, 1), digests)
        indices, values = _bytes(held.indices, "<i4"), _bytes(held.values, "<f8")
        feature_digests(*labelled, held.features, indices, values, self._scratch(held.features, 12), digests)
        return digests

    def _scratch(self, spans: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        longest = int((spans[:, 1] - spans[:, 0]).max(initial=0))
        return np.empty(_MOST_ID_BYTES + _PREFIXES + size * longest, np.uint8)

    def _shards_of(self, owners: NDArray[np.uint8]) -> NDArray[np.int32]:
        tags = np.zeros((len(owners), 8), np.uint8)
        tags[:, : TAG.stop - TAG.start] = owners[:, TAG]
        shards: NDArray[np.int32] = (tags.view("<u8")[:, 0] % self._shards).astype(np.int32)
        return shards


def _bytes(array: NDArray[np.generic], order: str) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array.astype(order, copy=False)).view(np.uint8)

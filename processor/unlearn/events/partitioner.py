"""Where an event belongs: home partition and shard; and the header of events that are sent on.

Ids never leave here in the clear: what is stored are digests under the model's secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from typing import overload

import numpy as np
from numpy.typing import NDArray

from unlearn.events.event import ORIGIN, Event, Insert, Request, Seal, features_of
from unlearn.events.marks import Origin
from unlearn.kernels import murmur2 as kernel

_NONE = b"\xff\xff\xff\xff"
TAG = slice(8, 14)
"""The bytes of an owner's digest that stand in a membership; see `tag_of`."""
_TAG_SIZE = 6
DIGEST_SIZE, CONTENT_SIZE = 16, 4
"""Bytes of the digests of ids, and of contents."""


def murmur2(key: bytes) -> int:
    """Kafka's hash of a key, unsigned, 0 .. 2**32 - 1."""
    return int(kernel.murmur2(np.frombuffer(key, np.uint8), 0, len(key)))


def home(key: bytes, partitions: int) -> int:
    """The partition where the default partitioner of Kafka's Java client puts the key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def homes(keys: Sequence[bytes], partitions: int) -> list[int]:
    """`home` of many keys at once."""
    spans = np.zeros((len(keys), 2), np.int64)
    np.cumsum(np.fromiter(map(len, keys), np.int64, len(keys)), out=spans[:, 1])
    spans[1:, 0] = spans[:-1, 1]
    found = np.empty(len(keys), np.int32)
    kernel.home_partitions(np.frombuffer(b"".join(keys), np.uint8), spans, partitions, found)
    homes: list[int] = found.tolist()
    return homes


@overload
def event_key(event: Insert | Request) -> bytes: ...
@overload
def event_key(event: Seal) -> None: ...
def event_key(event: Event) -> bytes | None:
    """The event's Kafka key: its subject id, its record id where it has none, or its alias; None for a seal.

    A deletion or a lift that names a record alone, or an alias, has a key too, but no home.
    """
    if isinstance(event, Seal):
        return None
    owner = event.subject_id if event.subject_id is not None else event.record_id
    if owner is None and not isinstance(event, Insert):
        owner = event.alias
    assert owner is not None
    return owner.encode()


class Digests:
    """Keyed digests of ids and contents; equal secrets give equal digests on every machine.

    `secret`: any length; blake2b takes 64 bytes, so a longer one is hashed first.
    """

    def __init__(self, secret: bytes) -> None:
        key = digest_key(secret)
        self._record = blake2b(key=key, person=b"record", digest_size=DIGEST_SIZE).copy
        self._subject = blake2b(key=key, person=b"subject", digest_size=DIGEST_SIZE).copy
        self._alias = blake2b(key=key, person=b"alias", digest_size=DIGEST_SIZE).copy
        self._content = blake2b(key=key, person=b"content", digest_size=CONTENT_SIZE).copy
        self._log = blake2b(key=key, person=b"log", digest_size=16).copy
        self._arrival = blake2b(key=key, person=b"arrival", digest_size=DIGEST_SIZE).copy

    def record(self, record_id: str) -> bytes:
        """The digest of a record id, 16 bytes."""
        digest = self._record()
        digest.update(_prefixed(record_id.encode()))
        return digest.digest()

    def subject(self, subject_id: str) -> bytes:
        """The digest of a subject id, 16 bytes."""
        digest = self._subject()
        digest.update(_prefixed(subject_id.encode()))
        return digest.digest()

    def alias(self, alias: str) -> bytes:
        """The digest of an alias, 16 bytes."""
        digest = self._alias()
        digest.update(_prefixed(alias.encode()))
        return digest.digest()

    def content(self, insert: Insert) -> bytes:
        """The digest of an insert's label and text or features, 4 bytes.

        Dense and sparse features with equal values give the same.
        """
        digest = self._content()
        label, text = insert.label, insert.text
        content = _packed_features(insert) if text is None else b"t" + _prefixed(text.encode())
        digest.update((_NONE if label is None else _prefixed(label.encode())) + content)
        return digest.digest()

    def arrival(self, origin: Origin, *meant: bytes) -> bytes:
        """The digest of an event that was sent on, 16 bytes: of its first place, its time, and what is meant by it."""
        digest = self._arrival()
        place = f"{origin.partition}/{origin.offset}/{origin.timestamp}".encode()
        digest.update(b"".join([place, *map(_prefixed, meant)]))
        return digest.digest()

    def log_record(self, key: bytes | None, value: bytes | None) -> str:
        """The digest of a record of the log, 32 hex digits, to notice another record at its offset."""
        digest = self._log()
        for part in (key, value):
            digest.update(_NONE if part is None else _prefixed(part))
        return digest.hexdigest()


def digests_of(digests: Iterable[bytes]) -> NDArray[np.uint8]:
    """Digests of ids as an array (n, 16) uint8."""
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_SIZE)


def tag_of(owner_digest: bytes) -> bytes:
    """The 6 bytes of a subject's digest that stand in a membership, and decide its shard."""
    return owner_digest[TAG]


def shard_of(owner: bytes, shards: int) -> int:
    """The shard of a row within its partition. The tag of the owner's digest gives the same as the digest.

    `owner` is the digest of the row's subject, or of its record where it has no subject.
    """
    tag = owner if len(owner) <= _TAG_SIZE else tag_of(owner)
    return int.from_bytes(tag, "little") % shards


def origin_header(secret: bytes, origin: Origin) -> tuple[str, bytes]:
    """Name and value of the header of a forwarded or copied event. The value ends with a proof of the secret."""
    text = f"{origin.model}/{origin.partition}/{origin.offset}/{origin.timestamp}".encode()
    return ORIGIN, text + b"/" + _mac(secret, text)


def read_origin(secret: bytes, model: str, headers: Iterable[tuple[str, bytes | None]]) -> Origin | None:
    """The first origin in the headers that is of this model and proved by its secret; None if there is none."""
    for name, value in headers:
        if name == ORIGIN and value and (origin := _origin(secret, value)) and origin.model == model:
            return origin
    return None


def _origin(secret: bytes, value: bytes) -> Origin | None:
    text, _, mac = value.rpartition(b"/")
    if not compare_digest(mac, _mac(secret, text)):
        return None
    try:
        model, partition, offset, timestamp = text.decode().split("/")
        return Origin(model, int(partition), int(offset), int(timestamp))
    except ValueError:
        return None


def _mac(secret: bytes, text: bytes) -> bytes:
    digest = _of_origins(secret).copy()
    digest.update(text)
    return digest.hexdigest().encode()


@lru_cache(maxsize=8)
def _of_origins(secret: bytes) -> blake2b:
    """The digest of proofs, begun: to take in the key costs as much as to take in a text."""
    return blake2b(key=digest_key(secret), person=b"origin", digest_size=16)


def digest_key(secret: bytes) -> bytes:
    """The secret as a key for BLAKE2b, which takes at most 64 bytes: a longer one is hashed."""
    return secret if len(secret) <= blake2b.MAX_KEY_SIZE else blake2b(secret).digest()


def _prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "little") + part


def _packed_features(insert: Insert) -> bytes:
    indices, values = features_of(insert)
    return b"f" + _prefixed(np.asarray(indices, "<i4").tobytes()) + np.asarray(values, "<f8").tobytes()

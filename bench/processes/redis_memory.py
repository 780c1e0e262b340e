"""What a member costs Redis, in bytes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import redis

from unlearn.events.partitioner import tag_of
from unlearn.state.entries import NO_TOMB, Entry, Pair, Subject, encode_entry, encode_subject
from unlearn.state.keys import Keys
from unlearn.state.members import pack_members
from unlearn.state.scripts import PartitionState, Token

__all__ = ["Held", "fill", "held", "redis_cpu", "used"]

_SAMPLES = 400
_AT_ONCE = 2000
"""Members that one script writes."""


class Held(NamedTuple):
    """Bytes of all hashes of records and of subjects, estimated from samples, and their fields."""

    record_bytes: float
    records: int
    subject_bytes: float
    subjects: int


def used(client: redis.Redis) -> int:
    """Bytes that Redis has in use."""
    return int(_info(client, "memory")["used_memory"])


def redis_cpu(client: redis.Redis) -> float:
    """CPU seconds of the server since its start."""
    info = _info(client, "cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


def held(client: redis.Redis, model: str, rng: random.Random) -> Held:
    """What the model's memberships take, by MEMORY USAGE of sampled hashes."""
    return Held(*_weighed(client, f"{{{model}:*}}:m:*", rng), *_weighed(client, f"{{{model}:*}}:u:*", rng))


def fill(client: redis.Redis, model: str, records: int, subjects: int, rng: random.Random) -> None:
    """Members of one partition as the product writes them, sparing the rest of the path."""
    state, token = PartitionState(client, Keys(model, 0)), Token(1, "0" * 32)
    state.claim(token, {"applied": 0})
    rows, known = (_row(rng, slot) for slot in range(records)), (_subject(rng, slot) for slot in range(subjects))
    for number, part in enumerate(_packed(rows, known)):
        state.commit(token, number, number, [], number + 1, members=part)


def _packed(rows: Iterator[tuple[bytes, bytes]], subjects: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    while part := dict(islice(rows, _AT_ONCE)):
        yield pack_members(part, {})
    while part := dict(islice(subjects, _AT_ONCE)):
        yield pack_members({}, part)


def _row(rng: random.Random, slot: int) -> tuple[bytes, bytes]:
    pair = Pair(slot, 0, rng.randbytes(4))
    return rng.randbytes(16), encode_entry(Entry(NO_TOMB, {tag_of(rng.randbytes(16)): pair}))


def _subject(rng: random.Random, slot: int) -> tuple[bytes, bytes]:
    return rng.randbytes(16), encode_subject(Subject(False, slot))


def _weighed(client: redis.Redis, pattern: str, rng: random.Random) -> tuple[float, int]:
    # A scan's order depends on the size of the server's whole table, and a key can come twice.
    keys = sorted(set(client.scan_iter(match=pattern, count=5000)))
    if not keys:
        return 0.0, 0
    sample = rng.sample(keys, min(_SAMPLES, len(keys)))
    pipe = client.pipeline(transaction=False)
    for key in sample:
        pipe.memory_usage(key, samples=0)
    mean = sum(pipe.execute()) / len(sample)
    return mean * len(keys), _fields(client, keys)


def _fields(client: redis.Redis, keys: Iterable[bytes]) -> int:
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.hlen(key)
    return sum(pipe.execute())


def _info(client: redis.Redis, section: str) -> dict[str, Any]:
    found: dict[str, Any] = client.info(section)
    return found

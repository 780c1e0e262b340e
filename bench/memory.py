"""What a member costs Redis, in bytes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import redis

from unlearn.events.partitioner import tag_of
from unlearn.state.entries import NO_TOMB, Entry, Pair, Subject
from unlearn.state.keys import Keys
from unlearn.state.lookups import write_members

__all__ = ["Held", "fill", "held", "redis_cpu", "used"]

_SAMPLES = 400


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
    return Held(*_weighed(client, f"{{{model}:*}}:r:*", rng), *_weighed(client, f"{{{model}:*}}:s:*", rng))


def fill(client: redis.Redis, model: str, records: int, subjects: int, rng: random.Random) -> None:
    """Members of one partition as the product writes them, sparing the rest of the path."""
    keys = Keys(model, 0)
    known = ((rng.randbytes(16), Subject(False, slot)) for slot in range(subjects))
    _send(client, (op for slot in range(records) for op in write_members(keys, dict([_row(rng, slot)]), {})))
    _send(client, (op for one in known for op in write_members(keys, {}, dict([one]))))


def _row(rng: random.Random, slot: int) -> tuple[bytes, Entry]:
    pair = Pair(slot, 0, rng.randbytes(4))
    return rng.randbytes(16), Entry(NO_TOMB, {tag_of(rng.randbytes(16)): pair})


def _send(client: redis.Redis, ops: Iterator[Any], size: int = 5000) -> None:
    while part := list(islice(ops, size)):
        pipe = client.pipeline(transaction=False)
        for op in part:
            pipe.execute_command(*op)  # type: ignore[no-untyped-call]
        pipe.execute()


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

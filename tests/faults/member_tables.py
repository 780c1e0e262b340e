"""Members of a partition by hand: what they must be, random writes, the layout of before, and where fields stand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from tests.faults.raising import everything
from unlearn.state.keys import Keys
from unlearn.state.members import field_of, pack_members, walk
from unlearn.state.scripts import Op, PartitionState, read_without_token

__all__ = ["Held", "Write", "held", "misplaced", "put_before", "random_write", "written"]

APART = b"\x02"
"""An entry whose pairs stand apart, as its flags say."""


class Held(NamedTuple):
    """What a partition holds: entries, subjects and arrivals by their 12-byte names, and pairs that stand apart by
    record."""

    records: dict[bytes, bytes]
    subjects: dict[bytes, bytes]
    pairs: dict[bytes, dict[bytes, bytes]]
    arrivals: dict[bytes, bytes]

    def fields(self) -> Held:
        """The same by fields, as a walk finds it."""
        tables = self.records, self.subjects, self.arrivals
        records, subjects, arrivals = ({field_of(n): v for n, v in held.items()} for held in tables)
        return Held(records, subjects, {field_of(n): v for n, v in self.pairs.items() if v}, arrivals)


class Write(NamedTuple):
    """What one commit is given."""

    ops: list[Op]
    records: dict[bytes, bytes]
    subjects: dict[bytes, bytes]

    @property
    def packed(self) -> bytes:
        return pack_members(self.records, self.subjects)


def random_write(rng: random.Random, now: Held, size: int) -> Write:
    """Up to `size` of each: new members and known ones, set, removed, packed, with pairs and without."""
    write = Write([], {}, {})
    for name in _some(rng, now.records, rng.randrange(size), size // 3):
        if now.records.get(name) == APART or rng.random() < 0.05:
            tags = {rng.choice(b"abcdef").to_bytes(1) * 6: rng.randbytes(3) for _ in range(3)}
            write.ops.append(("PAIRS.HSET", name, *(x for pair in tags.items() for x in pair)))
            write.ops.append(("PAIRS.HDEL", name, b"aaaaaa", b"bbbbbb"))
            if name not in now.records or rng.random() < 0.5:
                write.ops.append(("RECORD.SET", name, APART))
        else:
            write.ops.append(("RECORD.DEL", name) if rng.random() < 0.3 else ("RECORD.SET", name, _entry(rng)))
    write.ops.extend(("SUBJECT.SET", name, rng.randbytes(4)) for name in _some(rng, now.subjects, size // 3, 5))
    write.ops.extend(("ARRIVAL.SET", name) for name in _some(rng, now.arrivals, size // 3, 5))
    write.records.update({rng.randbytes(12): _entry(rng) for _ in range(rng.randrange(size))})
    write.subjects.update({name: rng.randbytes(4) for name in _some(rng, now.subjects, size // 3, 5)})
    return write


def _some(rng: random.Random, known: dict[bytes, bytes], new: int, old: int) -> list[bytes]:
    return [rng.randbytes(12) for _ in range(new)] + rng.sample(sorted(known), min(len(known), old))


def _entry(rng: random.Random) -> bytes:
    return b"\x00" + rng.randbytes(rng.randrange(4, 20))


def written(now: Held, write: Write) -> Held:
    """What the partition must hold after the write."""
    records, subjects, arrivals = dict(now.records), dict(now.subjects), dict(now.arrivals)
    pairs = {name: dict(held) for name, held in now.pairs.items()}
    for command, name, *rest in write.ops:
        key, *values = (x if isinstance(x, bytes) else x.encode() for x in (name, *rest))
        if command == "RECORD.SET":
            records[key] = values[0]
        elif command == "RECORD.DEL":
            records.pop(key, None)
        elif command == "SUBJECT.SET":
            subjects[key] = values[0]
        elif command == "ARRIVAL.SET":
            arrivals[key] = b""
        elif command == "PAIRS.HSET":
            pairs.setdefault(key, {}).update(zip(values[::2], values[1::2], strict=True))
        else:
            pairs[key] = {tag: value for tag, value in pairs.get(key, {}).items() if tag not in values}
    return Held(records | write.records, write.subjects | subjects, pairs, arrivals)


def put_before(client: Any, keys: Keys, rng: random.Random, count: int, moved: int = 0) -> Held:
    """Members in the layout of before, some with pairs that stand apart; the first `moved` hashes are empty by now."""
    now = Held({}, {}, {}, {})
    for _ in range(count):
        number, field = rng.choice((*range(moved, moved + 60), moved + 64, 16383)), rng.randbytes(10)
        # The layout took 14 bits of the first two bytes; whoever asks knows all 16.
        name = (number + 16384 * rng.randrange(4)).to_bytes(2) + field
        now.records[name] = APART if rng.random() < 0.1 else _entry(rng)
        client.hset(keys.of(f"r:{number}"), field, now.records[name])
        if now.records[name] == APART:
            now.pairs[name] = {b"aaaaaa": b"1", b"cccccc": b"2"}
            client.hset(keys.of(f"p:{number}:{field.hex()}"), mapping=now.pairs[name])
        subject = number.to_bytes(2) + rng.randbytes(10)
        now.subjects[subject] = rng.randbytes(3)
        client.hset(keys.of(f"s:{number}"), field_of(subject), now.subjects[subject])
    if moved:
        client.hset(keys.meta, "old_buckets_moved", moved)
    else:
        client.hdel(keys.meta, "old_buckets_moved")
    return now


def held(client: Any, keys: Keys, by: Held) -> Held:
    """What the partition holds by a walk, each member found once, and the pairs of those in `by` that stand apart."""
    read = partial(read_without_token, client, keys)
    found: list[dict[bytes, bytes]] = []
    for members in ("RECORDS", "SUBJECTS", "ARRIVALS"):
        all_of = [(field_of(n), v) for part in walk(read, members, 50) for n, v in part]
        assert len(dict(all_of)) == len(all_of)
        found.append(dict(all_of))
    replies = read([("PAIRS.HGETALL", name) for name in by.pairs])
    flat = zip(by.pairs, replies, strict=True)
    pairs = {field_of(name): dict(zip(reply[::2], reply[1::2], strict=True)) for name, reply in flat if reply}
    return Held(found[0], found[1], pairs, found[2])


def misplaced(client: Any, state: PartitionState) -> Iterator[str]:
    """What is wrong with where the members stand, and with their count."""
    found = {key.decode().removeprefix(state.keys.prefix): fields for key, fields in everything(client, state).items()}
    meta = {name.decode(): value for name, value in found["meta"].items()}
    yield from _not_compact(client, [state.keys.of(name) for name in found if name[:2] in ("m:", "u:", "v:")])
    for kind, before, name in (("m:", "r:", "record"), ("u:", "s:", "subject"), ("v:", None, "arrival")):
        buckets, count = int(meta.get(name + "_buckets", 1)), int(meta.get(name + "_count", 0))
        old = {key: fields for key, fields in found.items() if before and key.startswith(before)}
        new = {key: fields for key, fields in found.items() if key.startswith(kind)}
        moved = int(meta.get("old_buckets_moved", 0))
        yield from (f"{key} has been moved" for key in old if int(key[2:]) < moved)
        yield from (
            f"{field!r} in {key} of {buckets}"
            for key, fields in new.items()
            for field in fields
            if int(key[2:]) != _bucket(field, buckets)
        )
        there = [field for fields in new.values() for field in fields]
        if len(there) != count or buckets * 32 < count:
            yield f"{len(there)} of {name} in {buckets}, {count} counted"
        yield from (f"{field!r} twice" for fields in old.values() for field in fields.keys() & set(there))


def _bucket(field: bytes, buckets: int) -> int:
    low = 1 << (buckets.bit_length() - 1)
    place = int.from_bytes(field[:4], "little") % (2 * low)
    return place if place < buckets else place - low


def _not_compact(client: Any, keys: list[str]) -> Iterator[str]:
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.object("encoding", key)
    encodings = zip(keys, pipe.execute(), strict=True)
    yield from (f"{key} isn't compact" for key, encoding in encodings if encoding == b"hashtable")

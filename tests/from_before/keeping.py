"""A model's whole state, taken out of Kafka, Redis and the store into files, and put back into others.

A folder holds `model.json` (its settings), `topics.jsonl.gz` (a record a line: topic, partition, offset,
timestamp, key, value, headers), `redis.json.gz` (key -> type and content) and `store.tar.gz` (the files as they are).
Bytes are strings where they are UTF-8, else {"base64": ...}.  Only client libraries are used here, nothing of the code
that is tested: this must read the same, however that moves.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import redis
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

TOPICS = ("events", "results", "receipts", "dead-letters")
"""By the role; a model's own are called `<model>.<role>`, those that it is put back into may have other names."""


def take(folder: Path, model: str, bootstrap: str, redis_url: str, store: Path, settings: Mapping[str, str]) -> None:
    """Writes the folder.  The model's workers must have ended."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps({"model": model, "settings": dict(settings)}, indent=1) + "\n")
    records = (line for role in TOPICS for line in _records(bootstrap, role, f"{model}.{role}"))
    _write(folder / "topics.jsonl.gz", "".join(json.dumps(record) + "\n" for record in records).encode())
    _write(folder / "redis.json.gz", json.dumps(_keys(redis_url, model), sort_keys=True).encode())
    _write(folder / "store.tar.gz", _packed(store))


def records_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress((folder / "topics.jsonl.gz").read_bytes()).splitlines()]


def put_records(folder: Path, bootstrap: str, names: Mapping[str, str]) -> None:
    """Produces them in order, role by role, into empty topics of these names; raises ValueError if an offset differs.

    The topics must take the producer's timestamps.
    """
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", max_in_flight_requests_per_connection=1)
    try:
        for record in records_of(folder):
            sent = producer.send(
                names[record["topic"]],
                partition=record["partition"],
                key=unpack(record["key"]),
                value=unpack(record["value"]),
                headers=[(name, unpack(value)) for name, value in record["headers"]],
                timestamp_ms=record["timestamp"],
            )
            if sent.get(timeout=60).offset != record["offset"]:
                raise ValueError(f"{record['topic']}: a record landed at another offset than {record['offset']}")
    finally:
        producer.close()


def put_keys(folder: Path, client: redis.Redis, changed: Mapping[str, str]) -> None:
    """Restores Redis, with `changed` fields in each partition's `meta`; what the model had there before is gone."""
    for key, content in json.loads(gzip.decompress((folder / "redis.json.gz").read_bytes())).items():
        client.delete(key)
        if content["type"] == "hash":
            fields = {unpack_field(name): unpack(value) for name, value in content["fields"]}
            if key.endswith(":meta"):
                fields |= {name.encode(): value.encode() for name, value in changed.items()}
            client.hset(key, mapping=fields)  # type: ignore[arg-type]  # bytes are fields too
        else:
            client.set(key, unpack(content["value"]) or b"")


def remove(model: str, bootstrap: str, redis_url: str) -> None:
    """Deletes the model's own topics, and its keys in Redis."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    client = redis.Redis.from_url(redis_url)
    try:
        there = set(admin.list_topics())
        admin.delete_topics([name for role in TOPICS if (name := f"{model}.{role}") in there])
        forget_keys(client, model)
    finally:
        admin.close()
        client.close()


def forget_keys(client: redis.Redis, model: str) -> None:
    """Deletes what Redis holds of the model."""
    for key in client.scan_iter(match="{" + model + ":*", count=1000):
        client.delete(key)


def put_store(folder: Path, store: Path) -> None:
    with tarfile.open(folder / "store.tar.gz") as archive:
        archive.extractall(store, filter="data")


def pack(data: bytes | None) -> str | dict[str, str] | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def unpack(found: str | dict[str, str] | None) -> bytes | None:
    return (
        base64.b64decode(found["base64"]) if isinstance(found, dict) else found.encode() if found is not None else None
    )


def unpack_field(found: str | dict[str, str]) -> bytes:
    return unpack(found) or b""


def _records(bootstrap: str, role: str, topic: str) -> Iterator[dict[str, Any]]:
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        ends = consumer.end_offsets(partitions)
        for partition in partitions:
            consumer.assign([partition])
            consumer.seek_to_beginning(partition)
            deadline = time.monotonic() + 120
            while consumer.position(partition) < ends[partition]:
                assert time.monotonic() < deadline, f"{partition} can't be read to its end"
                for record in consumer.poll(1000).get(partition, []):
                    yield _record(role, record)
    finally:
        consumer.close()


def _record(role: str, record: Any) -> dict[str, Any]:
    return {
        "topic": role,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": pack(record.key),
        "value": pack(record.value),
        "headers": [[name, pack(value)] for name, value in record.headers],
    }


def _keys(redis_url: str, model: str) -> dict[str, Any]:
    client = redis.Redis.from_url(redis_url)
    try:
        names: Iterable[bytes] = client.scan_iter(match="{" + model + ":*", count=1000)
        return {name.decode(): _content(client, name) for name in names if client.ttl(name) == -1}
    finally:
        client.close()


def _content(client: redis.Redis, key: bytes) -> dict[str, Any]:
    kind: Any = client.type(key)
    if kind == b"string":
        value: Any = client.get(key)
        return {"type": "string", "value": pack(value)}
    if kind != b"hash":
        raise ValueError(f"{key!r} is a {kind.decode()}, which this can't keep")
    fields: Any = client.hgetall(key)
    return {"type": "hash", "fields": [[pack(name), pack(value)] for name, value in sorted(fields.items())]}


def _packed(store: Path) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.add(store, arcname=".", filter=_nobodys)
    return whole.getvalue()


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data, 9, mtime=0))

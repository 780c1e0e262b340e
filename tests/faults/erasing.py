"""Where a record's text, ids, digests or hashed row are still found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults.checks import replays
from tests.harness.events import delete
from tests.harness.memory_harness import MemoryHarness
from tests.harness.model_data import keys_of, records
from tests.harness.settings import SECRET
from unlearn.events.event import Insert
from unlearn.events.partitioner import Digests, tag_of
from unlearn.state.entries import NO_ROW, decode_entry, decode_subject
from unlearn.state.members import field_of
from unlearn.storage.artefacts import read_name
from unlearn.storage.slice_files import decode_slice
from unlearn_models import hash_texts
from unlearn_models.base.encoding import decode_arrays

MARKER = Insert(
    event_id="e-of-one",
    record_id="record-of-the-forgotten",
    subject_id="subject-of-the-forgotten",
    label="spam",
    text="zebrafish quokka axolotl",
)
"""The record to be forgotten; nobody else uses its words."""

DELETE_RECORD = delete(MARKER.record_id, MARKER.subject_id).model_copy(update={"event_id": "d-of-one"})
DELETE_SUBJECT = delete(None, MARKER.subject_id).model_copy(update={"event_id": "d-of-all"})


def words(marker: Insert) -> list[bytes]:
    """What must not be found in the clear, nor as a whole digest, in bytes or hex."""
    digests = Digests(SECRET.encode())
    record, subject = digests.record(marker.record_id), digests.subject(marker.subject_id or "")
    text = [word.encode() for word in (marker.text or "").split()]
    ids = [marker.record_id.encode(), (marker.subject_id or "").encode()]
    return [*text, *ids, record, subject, record.hex().encode(), subject.hex().encode()]


def traces(harness: MemoryHarness, marker: Insert) -> list[str]:
    """Everything that is left of a record that is dead."""
    return [
        *files_with(harness.store.root, marker),
        *_decoded(harness, marker),
        *_in_redis(harness, marker),
        *_said(harness, marker),
    ]


def files_with(root: Path, marker: Insert) -> Iterator[str]:
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        data = path.read_bytes()
        yield from (f"{path.name}: {word!r}" for word in words(marker) if word in data)


def _decoded(harness: MemoryHarness, marker: Insert) -> Iterator[str]:
    """Rows of slice files and tails, and the weights of words that nobody living has."""
    slots, features = _rows(harness, marker)
    for name, *_ in harness.store.names(""):
        artefact, data = read_name(name), harness.store.get(name)
        assert artefact is not None, name
        if artefact.kind == "state":
            held = decode_arrays(data)[1]["features"].tolist()
            yield from (f"{name}: the weight of {f}" for f in features & set(held))
        else:
            yield from (f"{name}: the row of {slot}" for slot in slots & set(decode_slice(data).slots.tolist()))


def _rows(harness: MemoryHarness, marker: Insert) -> tuple[set[int], set[int]]:
    """(slots the record ever had, its features that no living row has)."""
    every = [row for replay in replays(harness).values() for row in replay.rows.values()]
    mine = [row for row in every if row.insert.record_id == marker.record_id]
    living = [row.insert.text or "" for row in every if row.death is None]
    assert mine, "the record was accepted"
    assert all(row.death is not None for row in mine)
    size = harness.settings.features
    features = set(hash_texts([row.insert.text or "" for row in mine], size)[1].tolist())
    features -= set(hash_texts(living, size)[1].tolist())
    assert features, "it has words of its own"
    return {row.slot for row in mine}, features


def _in_redis(harness: MemoryHarness, marker: Insert) -> Iterator[str]:
    digests = Digests(SECRET.encode())
    slots, _ = _rows(harness, marker)
    record, subject = digests.record(marker.record_id), digests.subject(marker.subject_id or "")
    tomb, subject_tomb = field_of(record), field_of(subject)
    for key in keys_of(harness.redis, harness.settings):
        name = key.decode().split(":")[2]
        redis: Any = harness.redis
        fields = redis.hgetall(key) if redis.type(key) == b"hash" else {b"": redis.get(key)}
        for field, value in fields.items():
            what = f"{key.decode()} {field!r}"
            if name == "m" and field == tomb:
                pair = decode_entry(value).pairs.get(tag_of(subject))
                yield from [f"{what}: a row"] if pair is not None and pair.slot != NO_ROW else []
            elif name == "u" and field == subject_tomb:
                held = decode_subject(value)
                yield from (
                    [f"{what}: not a tombstone"] if site_forgot_subject(harness) and held and not held.dead else []
                )
            else:
                told = [*words(marker), tomb, subject_tomb]
                yield from (f"{what}: {word!r}" for word in told if word in field or word in (value or b""))
            if name == "holes" and int(field) in slots:
                yield f"{what}: a hole"


def site_forgot_subject(harness: MemoryHarness) -> bool:
    return any(MARKER.subject_id in replay.gone for replay in replays(harness).values())


def _said(harness: MemoryHarness, marker: Insert) -> Iterator[str]:
    given = harness.settings
    for topic in (given.results_topic, given.receipts_topic, given.dead_letters_topic, given.history_topic):
        for record in records(harness.log, topic):
            said = (record.key or b"") + (record.value or b"")
            yield from (f"{topic}/{record.offset}: {word!r}" for word in words(marker) if word in said)

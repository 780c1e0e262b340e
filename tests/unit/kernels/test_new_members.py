"""The packed entries of new members are those that the general way writes."""

from __future__ import annotations

import random

import numpy as np

from unlearn.kernels.new_members import MOST_BYTES, pack_records, pack_subjects
from unlearn.state.entries import NO_TOMB, Entry, Pair, Subject, encode_entry, encode_subject

SLOTS = (0, 1, 127, 128, 16_383, 16_384, 2**31, 2**53, 2**62, 2**63 - 1)
REVISIONS = (0, 1, 127, 128, 2**53 - 1)


def parts(data: bytes) -> list[tuple[bytes, bytes]]:
    """(name, entry) of each."""
    found, at = [], 0
    while at < len(data):
        stop = at + 13 + data[at + 12]
        found.append((data[at : at + 12], data[at + 13 : stop]))
        at = stop
    return found


def test_each_record_has_the_bytes_of_its_entry() -> None:
    chance = random.Random(2)
    cases = [(slot, revision, owned) for slot in SLOTS for revision in REVISIONS for owned in (False, True)]
    n = len(cases)
    digests = [[np.frombuffer(chance.randbytes(16 * n), np.uint8).reshape(n, 16)] for _ in range(2)]
    (records,), (subjects,) = digests
    contents = np.frombuffer(chance.randbytes(4 * n), np.uint8).reshape(n, 4)
    slots, revisions = np.array([c[0] for c in cases], np.int64), np.array([c[1] for c in cases], np.int64)
    owned = np.array([c[2] for c in cases], np.bool_)
    out = np.full(MOST_BYTES * n, 0xAA, np.uint8)
    size = pack_records(records, subjects, owned, contents, slots, revisions, out)
    found = parts(out[:size].tobytes())
    assert len(found) == n
    for i, (slot, revision, has_subject) in enumerate(cases):
        tag = subjects[i].tobytes()[8:14] if has_subject else b""
        entry = Entry(NO_TOMB, {tag: Pair(slot, revision, contents[i].tobytes())})
        assert found[i] == (records[i].tobytes()[:12], encode_entry(entry))


def test_each_subject_has_the_bytes_of_its_value() -> None:
    n = len(SLOTS)
    subjects = np.frombuffer(random.Random(3).randbytes(16 * n), np.uint8).reshape(n, 16)
    out = np.empty(MOST_BYTES * n, np.uint8)
    size = pack_subjects(subjects, np.array(SLOTS, np.int64), out)
    expected = [
        (subject.tobytes()[:12], encode_subject(Subject(False, slot)))
        for subject, slot in zip(subjects, SLOTS, strict=True)
    ]
    assert parts(out[:size].tobytes()) == expected

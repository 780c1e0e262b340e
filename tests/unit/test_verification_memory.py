"""What `unlearn verify --from-log` holds while it reads a log, by Python's own count of bytes."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from unlearn.log.protocol import Entry
from unlearn.verification.reference import Model
from unlearn.verification.reference_fold import fold
from unlearn.verification.reference_rows import Members, members_of
from unlearn_models import make_learner

MODEL = Model(1, 2, 100, True, b"a secret of tests", make_learner("naive-bayes", ("ham", "spam"), 64))
SMALL, LARGE = 2000, 8000
BYTES_AT_MOST = 100


def inserts(count: int) -> Iterator[Entry]:
    """Each record of its own, of a subject that has ten."""
    for i in range(count):
        yield _entry(i, type="insert", record_id=f"r{i}", subject_id=f"s{i // 10}", label="ham", text=f"tea w{i} " * 8)


def deletions(count: int) -> Iterator[Entry]:
    """Of records that were never there, which must be remembered all the same."""
    for i in range(count):
        yield _entry(i, type="delete", record_id=f"r{i}", requested_at="2023-01-01")


def subjects_deleted(count: int) -> Iterator[Entry]:
    for i in range(count):
        yield _entry(i, type="delete", subject_id=f"s{i}", requested_at="2023-01-01")


def inserts_then_deletions(count: int) -> Iterator[Entry]:
    """Half of the events kill what the other half brought."""
    half = count // 2
    yield from inserts(half)
    yield from (entry._replace(offset=half + entry.offset) for entry in deletions(half))


def one_record_id(count: int) -> Iterator[Entry]:
    """Under a subject of its own each time."""
    for i in range(count):
        yield _entry(i, type="insert", record_id="r", subject_id=f"s{i}", label="ham", text="tea")


@pytest.mark.parametrize("log", [inserts, deletions, subjects_deleted, inserts_then_deletions, one_record_id])
def test_a_record_takes_few_bytes_whatever_it_is(log: Callable[[int], Iterator[Entry]]) -> None:
    def held(count: int) -> int:
        return _peak(lambda: members_of(MODEL, 0, log(count)))

    assert (held(LARGE) - held(SMALL)) / (LARGE - SMALL) < BYTES_AT_MOST


def test_states_take_no_memory_that_grows_with_the_log() -> None:
    def held(members: Members, count: int) -> int:
        return _peak(lambda: fold(MODEL, members, inserts(count), {0: count, 1: count}, count))

    small, large = (held(members_of(MODEL, 0, inserts(count)), count) for count in (SMALL, LARGE))

    # A text that was kept would be some 200 bytes; what the allocator and caches take differs by a few.
    assert (large - small) / (LARGE - SMALL) < 20


def _entry(offset: int, **fields: str) -> Entry:
    # The parser keeps the last thousands of short strings; what it keeps isn't ours to count.
    long = {name: f"{value:x>64}" if name in ("record_id", "subject_id") else value for name, value in fields.items()}
    return Entry(0, offset, 0, None, json.dumps({"event_id": "e"} | long).encode())


def _peak(work: Callable[[], object]) -> int:
    """Bytes that were held at most while it worked, beyond what was there before."""
    work()  # what is loaded or made at the first use is no part of it
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

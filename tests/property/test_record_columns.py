"""Batches of any contents, and mangled ones: read into columns they give what the client's own reading gives."""

from __future__ import annotations

import struct
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch

from tests.harness.record_batches import (
    CODECS,
    TIME,
    Content,
    Fetched,
    Made,
    batch,
    by_client,
    fields,
    in_columns,
    sealed,
)
from unlearn.log.columns import RecordColumns, columns_of
from unlearn.log.protocol import Entry, Header

INT64 = st.integers(-(2**63), 2**63 - 1)
BYTES = st.none() | st.binary(max_size=20) | st.integers(60, 300).map(bytes)
NAMES = st.sampled_from(("", "h", "name", "\u00e9", "x" * 70)) | st.text(max_size=4).filter(lambda name: name.isascii())
HEADERS: st.SearchStrategy[list[Header]] = st.lists(st.tuples(NAMES, BYTES), max_size=3)
NUMBERS = st.sampled_from((0, 1, -1, 2, 63, 64, 127, 128, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63))) | INT64
PLACES = {
    "base": (">q", 0),
    "length": (">i", 8),
    "delta": (">i", 23),
    "first": (">q", 27),
    "last": (">q", 35),
    "count": (">i", 57),
}


@st.composite
def batches(draw: st.DrawFn, base: int) -> bytes:
    """A batch of format v2 at this offset."""
    deltas = sorted(draw(st.sets(st.integers(0, 200), max_size=8)))
    times = st.just(TIME) | st.integers(-(10**6), 2**43)
    contents = [Content(d, draw(times), draw(BYTES), draw(BYTES), draw(HEADERS)) for d in deltas]
    producer = draw(st.sampled_from((-1, 1, 2)))
    made = Made(
        base,
        draw(st.sampled_from(tuple(CODECS.values()))),
        producer,
        transactional=producer > 0 and draw(st.booleans()),
        append_time=draw(st.booleans()),
        epoch=draw(st.integers(-1, 9)),
        last_delta=draw(st.just(200) | st.none()),
    )
    return batch(contents, made)


@st.composite
def mangled(draw: st.DrawFn, made: bytes) -> bytes:
    """The batch with bytes or numbers of it changed, and mostly with the checksum that then is right."""
    data, start = bytearray(made), DefaultRecordBatch.ATTRIBUTES_OFFSET
    for at, byte in draw(st.lists(st.tuples(st.integers(start, len(data) - 1), st.integers(0, 255)), max_size=3)):
        data[at] = byte
    if draw(st.booleans()):
        form, at = PLACES[draw(st.sampled_from(tuple(PLACES)))]
        bits = 8 * struct.calcsize(form)
        number = draw(NUMBERS)
        struct.pack_into(form, data, at, (number + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1))
    if draw(st.integers(0, 4)) == 0:
        return bytes(data)
    return sealed(data)


@st.composite
def fetches(draw: st.DrawFn, *, spoil: bool) -> Fetched:
    """Some batches, one behind the other; with `spoil` one of them is mangled."""
    made = [draw(batches(base)) for base in range(0, draw(st.integers(1, 4)) * 201, 201)]
    if spoil:
        which = draw(st.integers(0, len(made) - 1))
        made[which] = draw(mangled(made[which]))
    aborted = draw(st.lists(st.tuples(st.sampled_from((1, 2)), st.integers(0, 900)), max_size=2))
    return Fetched(b"".join(made), draw(st.integers(0, 300)), aborted, draw(st.sampled_from((200, 1 << 24))))


TAKES = st.lists(st.none() | st.integers(1, 30), min_size=1, max_size=12)


@settings(max_examples=100)
@given(fetches(spoil=False), TAKES)
def test_batches_are_read_as_by_the_client(fetched: Fetched, takes: list[int | None]) -> None:
    assert in_columns(fetched, takes) == by_client(fetched, takes)


@settings(max_examples=400)
@given(fetches(spoil=True), TAKES)
def test_mangled_batches_give_the_clients_records_or_its_error(fetched: Fetched, takes: list[int | None]) -> None:
    assert in_columns(fetched, takes) == by_client(fetched, takes)


EPOCHS = st.integers(-1, 2**31 - 1)
ENTRIES = st.builds(Entry, st.just(1), st.integers(0, 2**63 - 1), INT64, BYTES, BYTES, HEADERS.map(tuple), EPOCHS)


@given(st.lists(ENTRIES, max_size=8), st.lists(st.integers(-10, 10), min_size=2, max_size=6))
def test_columns_hold_what_they_were_made_of(entries: list[Entry], cuts: list[int]) -> None:
    columns = columns_of(1, entries)
    assert [fields(record) for record in columns] == [fields(entry) for entry in entries]
    parts = [columns[a:b] for a, b in pairwise(cuts)]
    expected = [entry for a, b in pairwise(cuts) for entry in entries[a:b]]
    assert list(RecordColumns.concat(parts)) == expected

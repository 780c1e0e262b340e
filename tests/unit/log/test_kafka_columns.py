"""Batches of every kind, read into columns: the records, positions and errors of the client's own reading."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.harness.record_batches import (
    CODECS,
    TIME,
    Content,
    Fetched,
    Made,
    batch,
    by_client,
    in_columns,
    legacy,
    marker,
    sealed,
    taken_at_once,
)
from unlearn.log.kafka.columns import column_batches
from unlearn.log.protocol import Unreadable

TAKES: dict[str, list[int | None]] = {
    "all": [None],
    "one by one": [1] * 400,
    "sevens": [7] * 60,
    "uneven": [3, 50, 1, 64, 200, None, None],
}


def plain(n: int, seed: int = 0) -> list[Content]:
    rng = random.Random(seed)
    return [
        Content(i, TIME + rng.randrange(-9, 10**6), b"k%d" % i, rng.randbytes(rng.randrange(200))) for i in range(n)
    ]


ODD = [
    Content(0, TIME, None, None),
    Content(1, TIME - 5000, b"", b""),
    Content(2, TIME + 2**40, b"k" * 200, b"v" * 70_000, [("h", None), ("h", b"1"), ("h", b"1")]),
    Content(5, 0, None, b"after a gap", [("", b"")]),
    Content(6, -1, b"k", None, [("name" * 40, b"x" * 300)] * 3),
    Content(130, 1, b"k" * 64, b"v" * 63),
]
NAMED_IN_GREEK = [Content(0, TIME, b"k", b"v"), Content(1, TIME, b"k", b"v", [("όνομα", b"x")])]


def same(fetched: Fetched) -> list[Any]:
    """Both readings, compared in every way of taking; what the takes of all at once give."""
    for takes in TAKES.values():
        assert in_columns(fetched, takes) == by_client(fetched, takes)
    return [told[0] for told in by_client(fetched, [None] * 3)]


@pytest.fixture
def in_whole(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each run of batches, and each other batch of format v2 that was iterated, whether the kernel read it."""
    said: list[bool] = []
    run, whole = column_batches.ColumnBatches._run, column_batches._ColumnBatch._whole

    def noting_run(self: column_batches.ColumnBatches, at: int) -> Any:
        found = run(self, at)
        said.extend([True] * (found is not None))
        return found

    def noting(self: column_batches._ColumnBatch) -> Any:
        found = whole(self)
        said.append(found is not None)
        return found

    monkeypatch.setattr(column_batches.ColumnBatches, "_run", noting_run)
    monkeypatch.setattr(column_batches._ColumnBatch, "_whole", noting)
    return said


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_of_any_codec_is_read_whole(codec: str, in_whole: list[bool]) -> None:
    for contents in (plain(100), ODD):
        fetched = Fetched(batch(contents, Made(17, CODECS[codec])), 17)
        assert in_columns(fetched, [None])[0][0] == by_client(fetched, [None])[0][0] != []
        assert same(fetched)
    assert all(in_whole)
    assert in_whole


@pytest.mark.parametrize("codec", ["none", "zstd"])
@pytest.mark.parametrize("append_time", [False, True])
def test_timestamps_are_the_producers_or_the_brokers(append_time: bool, codec: str, in_whole: list[bool]) -> None:
    (records,) = same(Fetched(batch(ODD, Made(0, CODECS[codec], append_time=append_time))))
    times = [record[2] for record in records]
    assert times == [TIME + 2**40] * 6 if append_time else [content.timestamp for content in ODD]
    assert all(in_whole)


@pytest.mark.parametrize("start", [0, 1, 3, 6, 7, 130, 131, 140, 145, 149, 150, 170, 171, 200])
def test_a_position_in_the_midst_of_a_batch(start: int) -> None:
    data = batch(ODD, Made(0, last_delta=139)) + batch(plain(10), Made(140)) + batch(plain(5), Made(166))
    same(Fetched(data, start))


def test_a_compacted_end_moves_the_position_beyond_the_last_record() -> None:
    data = batch(plain(10), Made(0, last_delta=40)) + batch([], Made(41, last_delta=9))
    assert in_columns(Fetched(data), [None])[0][1] == 51
    same(Fetched(data))
    same(Fetched(batch(plain(10), Made(0, last_delta=40))))
    same(Fetched(batch([], Made(0, last_delta=9))))


@pytest.mark.parametrize("codec", CODECS)
def test_aborted_batches_and_markers_are_passed_over(codec: str) -> None:
    def part(base: int, producer: int, *, transactional: bool = True) -> bytes:
        return batch(plain(10, base), Made(base, CODECS[codec], producer, transactional))

    data = (part(0, 1), part(10, 2), marker(20, 1, commit=False), part(21, 1), part(31, 3, transactional=False))
    ends = (marker(41, 2, commit=True), marker(42, 1, commit=True), part(43, 2), marker(53, 2, commit=False))
    fetched = Fetched(b"".join(data + ends), 0, [(1, 0), (2, 43)])
    (records,) = same(fetched)
    assert [record[1] for record in records] == [*range(10, 20), *range(21, 41)]
    assert in_columns(fetched, [None])[0][1] == 54
    same(fetched._replace(start=15))
    same(Fetched(marker(0, 1, commit=True)))


@pytest.mark.parametrize(
    ("magic", "codec"), [(0, "none"), (0, "gzip"), (0, "snappy"), (1, "none"), (1, "gzip"), (1, "snappy"), (1, "lz4")]
)
def test_older_formats_are_read_by_the_client(magic: int, codec: str) -> None:
    contents = [Content(i, TIME + i, b"k" if i % 2 else None, b"v%d" % i) for i in range(20)]
    old = legacy(contents, magic, CODECS[codec])
    assert len(same(Fetched(old))[0]) == 20
    assert len(same(Fetched(old + batch(plain(30), Made(20)) + batch(NAMED_IN_GREEK, Made(50)), 5))[0]) == 47


def test_batches_as_they_are_are_read_at_once_and_not_copied() -> None:
    data = b"".join(batch(plain(20, i), Made(i * 20)) for i in range(30))
    (columns,) = taken_at_once(Fetched(data))
    assert len(columns) == 600
    assert np.shares_memory(columns.data, np.frombuffer(data, np.uint8))
    same(Fetched(data, 333))


def test_a_run_ends_where_the_leader_epoch_changes_or_offsets_go_back() -> None:
    changes = [Made(0), Made(10), Made(20, epoch=5), Made(30, epoch=5), Made(30, epoch=5), Made(25), Made(90)]
    data = b"".join(batch(plain(10, i), made) for i, made in enumerate(changes))
    assert [len(part) for part in taken_at_once(Fetched(data))] == [20, 20, 10, 20]
    for start in (0, 5, 25, 35, 95):
        same(Fetched(data, start))


@pytest.mark.parametrize("first", [Made(900, producer=2), Made(10, producer=2, last_delta=200), Made(900)])
def test_a_transaction_was_aborted_though_offsets_are_out_of_order(first: Made) -> None:
    plainly = batch(plain(10), first)
    transactional = batch(plain(10), Made(30, producer=1, transactional=True, last_delta=9))
    for aborted in ([(1, 0)], [(1, 100)], [(1, 30)], [(1, 39)], []):
        same(Fetched(plainly + transactional, 0, aborted))
        same(Fetched(batch(plain(5)) + plainly + transactional, 0, aborted))


def test_a_run_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(batch(plain(10, i), Made(i * 10)) for i in range(20))
    for name, most, parts in (("_MOST_RECORDS", 35, [30] * 6 + [20]), ("_MOST_BATCHES", 7, [70, 70, 60])):
        with monkeypatch.context() as patch:
            patch.setattr(column_batches, name, most)
            assert [len(part) for part in taken_at_once(Fetched(data))] == parts
            same(Fetched(data))
    monkeypatch.setattr(column_batches, "_MOST_RECORDS", 3)
    same(Fetched(data))


def test_an_odd_or_spoilt_batch_ends_a_run(in_whole: list[bool]) -> None:
    good = [batch(plain(10, i), Made(i * 10)) for i in range(6)]
    wrong = good[3][:-1] + bytes([good[3][-1] ^ 1])
    packed = batch(plain(10), Made(30, CODECS["lz4"]))
    for other in (
        wrong,
        packed,
        batch(NAMED_IN_GREEK, Made(30)),
        batch(plain(10), Made(30, producer=7)),
        marker(30, 7, commit=True),
    ):
        data = b"".join([*good[:3], other, *good[4:]])
        same(Fetched(data))
        same(Fetched(data, 33))
    assert set(in_whole) == {True, False}


def test_names_beyond_ascii_are_left_to_the_client(in_whole: list[bool]) -> None:
    data = batch(plain(5)) + batch(NAMED_IN_GREEK, Made(5)) + batch(plain(5), Made(7))
    (records,) = same(Fetched(data))
    assert len(records) == 12
    assert set(in_whole) == {True, False}


@pytest.mark.parametrize("at", [25, 61, 70, -1])
def test_a_wrong_checksum_is_named_with_its_batch(at: int) -> None:
    spoilt = bytearray(batch(plain(10), Made(10)))
    spoilt[at] ^= 1
    data = batch(plain(10)) + bytes(spoilt) + batch(plain(10), Made(20))
    first, error = same(Fetched(data))
    assert len(first) == 10
    assert error == Unreadable(10, 20, "the records at position 10 can't be decoded (CorruptRecordError)")
    same(Fetched(data, 10))
    same(Fetched(data, 12))


@pytest.mark.parametrize("good", [0, 1, 3])
@pytest.mark.parametrize(
    "length", [-(2**31), "first bit", -200, -100, -61, -13, -12, -11, -1, 0, 1, 13, 14, 40, 48, 49, 50, 100]
)
def test_a_length_that_can_not_be_is_named_behind_the_batches_before(good: int, length: int | str) -> None:
    spoilt = bytearray(batch(plain(10), Made(10 * good)))
    (right,) = struct.unpack_from(">i", spoilt, 8)
    struct.pack_into(">i", spoilt, 8, right - 2**31 if isinstance(length, str) else length)
    before = [batch(plain(10), Made(10 * number)) for number in range(good)]
    *told, error = same(Fetched(b"".join([*before, bytes(spoilt), batch(plain(10), Made(10 * good + 10))])))
    assert sum(map(len, told)) == 10 * good
    assert isinstance(error, Unreadable)
    assert error.start == 10 * good
    assert error.stop <= 10 * good + 10


@pytest.mark.parametrize("behind", ["cut off", "spoilt", "of garbage"])
def test_what_stands_behind_a_spoilt_batch_tells_its_end_only_if_it_is_what_was_written(behind: str) -> None:
    """Where the counts of a spoilt batch disagree, nothing else tells how far it went."""
    spoilt, following = bytearray(batch(plain(10))), bytearray(batch(plain(10), Made(10)))
    struct.pack_into(">i", spoilt, 57, 99)
    data = bytes(spoilt)
    assert same(Fetched(data + bytes(following)))[-1][:2] == (0, 10)
    struct.pack_into(">q", following, 0, 10**12)
    following[-1] ^= behind == "spoilt"
    garbage = following[:8] + struct.pack(">i", 70) + bytes(70)
    told = {"cut off": following[:40], "spoilt": following, "of garbage": garbage}[behind]
    assert same(Fetched(data + bytes(told)))[-1][:2] == (0, 1)


@pytest.mark.parametrize("codec", list(CODECS)[1:])
def test_a_batch_that_unpacks_too_far(codec: str) -> None:
    large = batch([Content(0, TIME, None, bytes(100_000)), Content(1, TIME, None, b"")], Made(10, CODECS[codec]))
    data = batch(plain(10)) + large + batch(plain(10), Made(12))
    _, error = same(Fetched(data, largest=50_000))
    assert error[:2] == (10, 12)
    assert error.intact


def test_a_count_that_is_wrong_is_an_error_behind_the_records() -> None:
    for count in (0, 1, 9, 11, 100, 2**31 - 1, -1):
        data = bytearray(batch(plain(10), Made(10)))
        struct.pack_into(">i", data, 57, count)
        *_, error = same(Fetched(batch(plain(10)) + sealed(data)))
        assert isinstance(error, Unreadable)


@pytest.mark.parametrize("codec", ["none", "zstd"])
@pytest.mark.parametrize("deltas", [(0, 5, 2, 9), (3, 3), (0, 1, 0), (7, 6, 5)])
def test_offsets_out_of_order_are_left_to_the_client(deltas: tuple[int, ...], codec: str, in_whole: list[bool]) -> None:
    data = batch([Content(delta, TIME, b"k", bytes(99)) for delta in deltas], Made(0, CODECS[codec], last_delta=9))
    for start in range(10):
        same(Fetched(data, start))
    assert not any(in_whole)


def test_offsets_beyond_the_batchs_last_are_left_to_the_client(in_whole: list[bool]) -> None:
    for codec in ("none", "zstd"):
        data = batch([Content(i, TIME, b"k", bytes(99)) for i in range(9)], Made(10, CODECS[codec], last_delta=5))
        same(Fetched(data, 12))
    assert not any(in_whole)


def test_a_batch_behind_an_odd_one_may_begin_before_the_position() -> None:
    same(Fetched(batch(NAMED_IN_GREEK, Made(10)) + batch(plain(9)), 5))
    same(Fetched(batch(plain(3), Made(10)) + batch(plain(9)), 5))


def with_a_byte_too_many() -> bytearray:
    data = bytearray(batch([Content(0, TIME, b"k", b"v")]))
    data[61] += 2
    struct.pack_into(">i", data, 8, len(data) + 1 - 12)
    return data + b"\x00"


def with_wide_attributes() -> bytearray:
    data = bytearray(batch([Content(0, TIME, b"k", b"v")]))
    data[62] = 0x80
    return data


@pytest.mark.parametrize("made", [with_a_byte_too_many, with_wide_attributes])
def test_an_odd_record_is_what_the_client_makes_of_it(made: Callable[[], bytearray], in_whole: list[bool]) -> None:
    same(Fetched(sealed(made())))
    assert not any(in_whole)


def test_a_batch_that_is_cut_off_is_left_for_the_next_fetch() -> None:
    data = batch(plain(10)) + batch(plain(10), Made(10))
    for end in range(len(data) - 300, len(data), 7):
        same(Fetched(data[:end]))


def test_numbers_beyond_64_bits_are_not_mistaken() -> None:
    far = 2**63 - 1
    same(Fetched(batch([Content(0, far - 5, b"k", b"v"), Content(1, far, b"k", b"v")], Made(far - 1)), far - 1))
    data = bytearray(batch([Content(0, 5, b"k", b"v"), Content(1, 50, b"k", b"v")]))
    struct.pack_into(">q", data, 27, far - 10)
    (records,) = same(Fetched(sealed(data)))
    assert records[1][2] == -(2**63) + 34

"""Membership entries: they come back as they went in, are small, and refuse to be read when cut."""

from __future__ import annotations

import pytest

from unlearn.errors import ArtefactInvalid
from unlearn.state.entries import (
    ALONE,
    FOREVER,
    NO_TOMB,
    Entry,
    Pair,
    Subject,
    decode_entry,
    decode_subject,
    encode_entry,
    encode_subject,
    forgotten,
    holds_one_row,
)
from unlearn.state.lookups import write_members
from unlearn.state.members import pack_members, pack_sets

TAG, OTHER, CONTENT = b"tag-01", b"tag-02", b"\x01\x02\x03\x04"
ROW = Pair(300, 0, CONTENT)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(NO_TOMB, {TAG: ROW}),
        Entry(NO_TOMB, {ALONE: Pair(0, 2**53 - 1, CONTENT)}),
        Entry(FOREVER, {}),
        Entry(0, {TAG: Pair(tomb=FOREVER), ALONE: Pair(2**62, 3, CONTENT, 2)}),
        Entry(7, {TAG: ROW, OTHER: Pair(tomb=0)}),
        Entry(NO_TOMB, {TAG: Pair()}),
    ],
)
def test_an_entry_comes_back_as_it_went_in(entry: Entry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


def test_an_entrys_bytes_depend_on_what_it_holds_alone() -> None:
    """A pair that says nothing is dropped between two batches, and kept in its place within one."""
    silent = Entry(FOREVER, {TAG: ROW, ALONE: Pair(), OTHER: ROW})
    within = silent._replace(pairs=silent.pairs | {ALONE: ROW})
    between = decode_entry(encode_entry(silent))
    between.pairs[ALONE] = ROW

    assert list(within.pairs) != list(between.pairs)
    assert encode_entry(within) == encode_entry(between)


def test_a_pair_that_says_nothing_takes_no_entry_apart() -> None:
    """Whether it is still there depends on where batches end."""
    pairs = {number.to_bytes(6): ROW for number in range(3)}
    silent, without = (Entry(FOREVER, held) for held in ({ALONE: Pair()} | pairs, pairs))
    written = [list(write_members({bytes(16): entry}, {}, None, 3)) for entry in (silent, without)]
    assert written[0] == written[1] == [("RECORD.SET", bytes(12), encode_entry(without))]


def test_pairs_that_stand_in_another_order_are_read() -> None:
    one, other = (encode_entry(Entry(NO_TOMB, {tag: ROW}))[1:] for tag in (TAG, OTHER))
    assert decode_entry(b"\0" + other + one) == decode_entry(b"\0" + one + other)


def test_entries_that_are_set_are_packed_in_front_of_those_that_are_packed_already() -> None:
    long = ("RECORD.SET", b"c" * 12, b"x" * 256)
    ops = [("HSET", "k", "f", "v"), ("RECORD.SET", b"a" * 12, b"1"), long, ("RECORD.DEL", b"d" * 12)]
    ops += [("RECORD.SET", b"b" * 12, b"x" * 255), ("PAIRS.HDEL", b"c" * 12, TAG)]
    rest = [ops[0], long, ops[3], ops[5]]
    packed = {b"a" * 12: b"1", b"b" * 12: b"x" * 255}

    assert pack_sets(ops, b"") == (rest, pack_members(packed, {}))
    rows, subjects = {b"r" * 12: b"row"}, {b"s" * 12: b"L1"}
    assert pack_sets(ops, pack_members(rows, subjects)) == (rest, pack_members(packed | rows, subjects))
    assert pack_sets(rest, b"") == (rest, b"")
    assert pack_sets(rest, pack_members(rows, subjects)) == (rest, pack_members(rows, subjects))


SLOTS = [0, 1, 127, 128, 300, 16_384, 2**40]
PAIRS = [Pair(), Pair(tomb=3), *(Pair(slot, 0, CONTENT) for slot in SLOTS)]
PAIRS += [Pair(127, 1, CONTENT), Pair(127, 300, CONTENT), Pair(127, 0, CONTENT, FOREVER), Pair(0, 0, b"\xff" * 4)]


@pytest.mark.parametrize("tomb", [NO_TOMB, 0, FOREVER])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("others", [{}, {OTHER: ROW}, {OTHER: Pair()}, {ALONE: ROW}, {ALONE: Pair(tomb=1)}])
def test_bytes_are_one_rows_exactly_if_the_entry_is(tomb: int, apart: bool, others: dict[bytes, Pair]) -> None:
    """What is written for a row that is buried unread is what is written for its entry."""
    for pair in PAIRS:
        entry = Entry(tomb, {TAG: pair, **others}, apart)
        data = encode_entry(entry)
        for slot in SLOTS:
            alone = entry == Entry(NO_TOMB, {TAG: Pair(slot, 0, pair.content)})
            assert holds_one_row(data, TAG, slot) == alone
    assert forgotten(TAG) == encode_entry(Entry(NO_TOMB, {TAG: Pair()}))


@pytest.mark.parametrize("entry", [Entry(NO_TOMB, {}), Entry(NO_TOMB, {ALONE: Pair()})])
def test_an_entry_that_says_nothing_is_no_bytes(entry: Entry) -> None:
    assert encode_entry(entry) == b""
    assert decode_entry(b"") == decode_entry(None) == Entry(NO_TOMB, {})


def test_a_record_of_the_usual_kind_takes_few_bytes() -> None:
    assert len(encode_entry(Entry(NO_TOMB, {TAG: Pair(20_000, 0, CONTENT)}))) == 15


def test_a_tomb_of_revision_zero_is_not_for_ever() -> None:
    assert decode_entry(encode_entry(Entry(0, {}))).tomb == 0
    assert decode_entry(encode_entry(Entry(FOREVER, {}))).tomb == FOREVER


@pytest.mark.parametrize("size", [1, 8, 9])
def test_cut_bytes_are_refused(size: int) -> None:
    whole = encode_entry(Entry(5, {TAG: Pair(300, 9, CONTENT)}))

    with pytest.raises(ArtefactInvalid):
        decode_entry(whole[:size])


@pytest.mark.parametrize("subject", [Subject(True, 0), Subject(False, 2**53), Subject(True, 127), Subject(False, 128)])
def test_a_subject_comes_back_as_it_went_in(subject: Subject) -> None:
    assert decode_subject(encode_subject(subject)) == subject


def test_an_unknown_subject_is_none() -> None:
    assert decode_subject(None) is None
    assert decode_subject(b"") is None

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
)

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

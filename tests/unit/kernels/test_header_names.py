"""The loop over headers' names finds what a set of names finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unlearn.kernels.header_names import only_named
from unlearn.log.columns import columns_of
from unlearn.log.protocol import Entry, Header

NAMES = st.sampled_from(["", "a", "b", "aa", "ab", "aab", "\u00fc", "A"])
LISTS = st.lists(st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=200)), max_size=4), min_size=1, max_size=20)


def named(lists: list[list[Header]], names: list[str]) -> list[bool]:
    records = columns_of(0, [Entry(0, at, 0, None, b"v", tuple(headers)) for at, headers in enumerate(lists)])
    parts = [name.encode() for name in names]
    found = np.zeros(len(lists), np.bool_)
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    only_named(records.data, records.headers, np.frombuffer(b"".join(parts), np.uint8), ends, found)
    return found.tolist()


@given(LISTS, st.lists(NAMES, unique=True))
def test_a_record_is_found_if_each_of_its_headers_has_one_of_the_names(
    lists: list[list[Header]], names: list[str]
) -> None:
    assert named(lists, names) == [all(name in names for name, _ in headers) for headers in lists]


def test_what_is_no_list_of_headers_is_not_found() -> None:
    names, ends = np.frombuffer(b"a", np.uint8), np.array([1], np.int64)
    for data in (b"", b"\x02", b"\x02\x02", b"\x02\x02a", b"\x02\x02a\x04v", b"\x02\x80", b"\x02\x01", b"\xff" * 12):
        found = np.ones(1, np.bool_)
        only_named(np.frombuffer(data, np.uint8), np.array([[0, len(data)]], np.int64), names, ends, found)
        assert not found[0], data

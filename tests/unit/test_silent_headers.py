"""A record whose headers say nothing is read as one without headers; any other goes the general way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn.events.event import ORIGIN, Insert
from unlearn.events.parsing import parse
from unlearn.events.silent_headers import SilentHeaders
from unlearn.log.columns import columns_of
from unlearn.log.protocol import Entry, Header
from unlearn.simulate.script import HEADERS

INSERT = json.dumps({"type": "insert", "event_id": "e", "record_id": "r", "text": "tea"}).encode()
ORIGINS = ((ORIGIN, b"model 0 0"), (ORIGIN, None))
NAMES = st.one_of(
    st.sampled_from([name for name, _ in HEADERS] + ["Op", "isDeleted", "x-deleted-at", ""]), st.text(max_size=9)
)
DRAWN = st.tuples(NAMES, st.none() | st.binary(max_size=6) | st.sampled_from([b"d", b"delete", b"true", b"c"]))
LISTS = st.lists(st.lists(st.one_of(st.sampled_from([*HEADERS, *ORIGINS]), DRAWN), max_size=4), min_size=1, max_size=30)


def entry(headers: list[Header], offset: int = 0) -> Entry:
    return Entry(0, offset, 0, b"k", INSERT, tuple(headers))


def found(silent: SilentHeaders, lists: list[list[Header]]) -> list[bool]:
    return [bool(one) for one in silent.of(columns_of(0, [entry(headers, at) for at, headers in enumerate(lists)]))]


@given(LISTS)
def test_what_is_called_silent_changes_no_insert(lists: list[list[Header]]) -> None:
    silent = SilentHeaders()
    for _ in range(3):
        for headers, says_nothing in zip(lists, found(silent, lists), strict=True):
            if says_nothing:
                assert isinstance(parse(INSERT, headers), Insert)
                assert ORIGIN not in dict(headers)


def test_a_trace_in_every_record_holds_none_up() -> None:
    traced: list[list[Header]] = [
        [("traceparent", b"00-%032x-%016x-01" % (at, at)), ("tracestate", None)] for at in range(50)
    ]

    assert all(found(SilentHeaders(), traced))


@pytest.mark.parametrize("header", [*HEADERS[4:], *ORIGINS])
def test_one_other_header_beside_a_known_one_is_enough(header: Header) -> None:
    silent, known = SilentHeaders(), ("traceparent", b"")
    assert all(found(silent, [[known]]))

    assert found(silent, [[known, header], [header, known], [header], [known]]) == [False, False, False, True]


def test_a_new_name_in_each_record_holds_up_no_others() -> None:
    silent = SilentHeaders()
    trace: Header = ("traceparent", b"00")
    for batch in range(50):
        new: list[list[Header]] = [[trace, (f"name-{batch}-{at}", b"")] for at in range(20)]
        assert all(found(silent, [*new, [trace]])[20:])
        assert len(silent._names) <= 64

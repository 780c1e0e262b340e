"""Headers as one run of bytes are read as they were written."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from unlearn.log.record_headers import decode_headers, encode_headers

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=80))))
@example([("a", b"x" * 63), ("b", b"x" * 64), ("c", b"x" * 8192), ("d", b""), ("e", None), ("", b"\xff")])
@example([("a", None)] * 200)
def test_headers_are_read_as_they_were_written(headers: list[tuple[str, bytes | None]]) -> None:
    assert decode_headers(encode_headers(headers)) == tuple(headers)

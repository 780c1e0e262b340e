"""The container: one encoding for each content, and no bytes crash the decoder."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from unlearn_models import BadState, decode_arrays, encode_arrays

dtypes = st.sampled_from([np.dtype(name) for name in ("<i4", "<i8", "<f8", "|u1")])
shapes = arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
contents = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5), arrays.arrays(dtypes, shapes), max_size=4
)
headers = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(2**63), 2**63 - 1)),
    max_size=4,
)


@given(headers, contents)
def test_decoding_inverts_encoding(header: dict[str, str | int], content: dict[str, np.ndarray]) -> None:
    found, back = decode_arrays(encode_arrays(header, content))
    assert found == header
    assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in back.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in content.items()
    }


@given(headers, contents, st.data())
def test_changed_bytes_are_refused_or_the_encoding_of_something_else(
    header: dict[str, str | int], content: dict[str, np.ndarray], data: st.DataObject
) -> None:
    raw = bytearray(encode_arrays(header, content))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_arrays(bytes(raw))
    except BadState:
        return
    assert encode_arrays(*found) == bytes(raw)

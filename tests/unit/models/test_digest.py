"""The container of arrays, and states by their bytes."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from tests.unit.models.corpora import as_rows, tweets
from unlearn_models import BadState, decode_arrays, decode_state, digest, encode_arrays, encode_state, make_learner

ARRAYS = {
    "b": np.array([[1, 2, 3], [4, 5, 6]], np.int64),
    "a": np.array([0.5, -1.5]),
    "c": np.array([7], np.int32),
    "d": np.array(9, np.uint8),
    "e": np.zeros((2, 0)),
}
HEADER: dict[str, str | int] = {"z": "text é", "k": -(2**63)}


def test_what_is_encoded_comes_back() -> None:
    header, arrays = decode_arrays(encode_arrays(HEADER, ARRAYS))
    assert header == HEADER
    assert list(arrays) == sorted(ARRAYS)
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert arrays[name].tobytes() == array.tobytes()
        assert arrays[name].flags.aligned
        assert not arrays[name].flags.writeable


def test_the_bytes_depend_on_content_alone() -> None:
    transposed = {name: np.array(array, order="F") for name, array in reversed(ARRAYS.items())}
    assert encode_arrays(dict(reversed(HEADER.items())), transposed) == encode_arrays(HEADER, ARRAYS)


def test_the_format_stays() -> None:
    data = encode_arrays({"k": 1}, {"a": np.array([[2]], np.int32)})
    parts = [
        b"unlearn\x01",
        *(b"\x01\0\0\0", b"\x01\0\0\0k", b"i\x01\0\0\0\0\0\0\0"),
        *(b"\x01\0\0\0", b"\x01\0\0\0a", b"\x03\0\0\0<i4"),
        *(b"\x02\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0", b"\x04\0\0\0\0\0\0\0", b"\x02\0\0\0"),
    ]
    assert data == b"".join(parts)


def test_every_cut_and_every_tail_is_refused() -> None:
    data = encode_arrays(HEADER, ARRAYS)
    for end in range(len(data)):
        with pytest.raises(BadState):
            decode_arrays(data[:end])
    with pytest.raises(BadState):
        decode_arrays(data + b"\0")


@pytest.mark.parametrize("shape", [(2**63, 0), (2**64 - 1, 0), (2**40, 2**40), (0, 2**62, 2**62)])
def test_shapes_beyond_memory_are_refused(shape: tuple[int, ...]) -> None:
    head = b"unlearn\x01" + struct.pack("<II", 0, 1) + b"\x01\0\0\0a\x03\0\0\0<f8"
    with pytest.raises(BadState):
        decode_arrays(head + struct.pack(f"<B{len(shape)}QQ", len(shape), *shape, 0))


def test_names_out_of_order_or_twice_are_refused() -> None:
    data = encode_arrays({"a": "x", "b": "x"}, {})
    with pytest.raises(BadState):
        decode_arrays(data.replace(b"\x01\0\0\0b", b"\x01\0\0\0a"))
    with pytest.raises(BadState):
        decode_arrays(data.replace(b"\x01\0\0\0a", b"\x01\0\0\0c"))


@pytest.mark.parametrize(
    "array",
    [np.zeros(1, np.float32), np.zeros(1, np.bool_), np.zeros(1, ">i4"), np.array(["x"]), np.zeros((1,) * 5)],
)
def test_other_arrays_are_refused(array: np.ndarray) -> None:
    with pytest.raises(BadState):
        encode_arrays({}, {"a": array})


@pytest.mark.parametrize("header", [{"k": 2**63}, {"k": True}, {"\ud800": 1}])
def test_other_headers_are_refused(header: dict[str, str | int]) -> None:
    with pytest.raises(BadState):
        encode_arrays(header, {})


def test_a_state_of_other_settings_or_another_learner_is_refused() -> None:
    # given
    learner = make_learner("linear", ("a", "b"), 50)
    data = encode_state(learner, learner.learn(learner.empty(), as_rows(*tweets(30, 1, 40), 50)))
    others = [
        make_learner("linear", ("a", "b"), 51),
        make_learner("linear", ("b", "a"), 50),
        make_learner("linear", ("a", "b"), 50, lr=0.2),
        make_learner("naive-bayes", ("a", "b"), 50),
    ]
    # then
    for other in others:
        with pytest.raises(BadState):
            decode_state(other, data)


@pytest.mark.parametrize("learner_id", ["linear", "naive-bayes"])
def test_the_digest_is_the_hash_of_the_bytes(learner_id: str) -> None:
    learner = make_learner(learner_id, ("a", "b"), 50)
    state = learner.learn(learner.empty(), as_rows(*tweets(30, 1, 40), 50))
    assert digest(learner, state) == hashlib.sha256(encode_state(learner, state)).hexdigest()

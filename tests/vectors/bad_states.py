"""Bytes that are a state of a model, and bytes that are none, each with the verdict."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.vectors.models import SHARDS, SmallModel, model_of
from unlearn_models import decode_arrays, encode_arrays, encode_state

__all__ = ["lines"]

Arrays = dict[str, NDArray[Any]]

_MODELS: Mapping[str, SmallModel] = {
    "naive-bayes": model_of("naive-bayes"),
    "linear": model_of("linear"),
    "forest": model_of("forest", features=64, learner_options={"trees": 2, "depth": 3, "share": 0.9}),
}


def _changed(data: bytes, name: str, change: Callable[[NDArray[Any]], NDArray[Any] | None]) -> bytes:
    """The container with one of its arrays changed, or without it where `change` gives None."""
    header, arrays = decode_arrays(data)
    made = change(arrays[name].copy())
    others = {other: array for other, array in arrays.items() if other != name}
    return encode_arrays(header, others if made is None else {**others, name: made})


def _set(place: int, value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(array: NDArray[Any]) -> NDArray[Any]:
        array.reshape(-1)[place] = value
        return array

    return change


def _without_last(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array[..., :-1])


def _reversed(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array[::-1])


_ARRAYS: Mapping[str, Mapping[str, tuple[str, Callable[[NDArray[Any]], NDArray[Any] | None]]]] = {
    "naive-bayes": {
        "an array is missing": ("rows", lambda _: None),
        "another dtype": ("rows", lambda array: array.astype(np.int32)),
        "another shape": ("counts", _without_last),
        "flat instead of in rows": ("counts", lambda array: array.reshape(-1)),
        "features not in order": ("features", _reversed),
        "a feature twice": ("features", lambda array: np.sort(_set(0, array[1])(array))),
        "a feature beyond the model's": ("features", _set(-1, 1024)),
        "a feature below 0": ("features", _set(0, -1)),
        "a count below 0": ("counts", _set(0, -1)),
        "rows below 0": ("rows", _set(0, -1)),
        "a class without rows has counts": ("rows", _set(0, 0)),
        "a feature without counts": ("counts", lambda array: array * np.r_[0, np.ones(array.shape[1] - 1, np.int64)]),
    },
    "linear": {
        "NaN": ("weights", _set(0, np.nan)),
        "infinity": ("weights", _set(0, np.inf)),
        "-0.0": ("weights", _set(0, -0.0)),
        "a subnormal number": ("weights", _set(0, 1e-310)),
        "a sum of squares is 0": ("squares", _set(0, 0.0)),
        "a sum of squares is negative": ("squares", _set(0, -1.0)),
        "the intercept's sum of squares is 0": ("bias_squares", _set(0, 0.0)),
        "learned, and without rows": ("rows", lambda array: array * 0),
        "rows of three classes": ("rows", lambda array: np.r_[array, 1]),
    },
    "forest": {
        "the trees begin at 1": ("starts", _set(0, 1)),
        "the trees end too early": ("starts", _set(-1, 1)),
        "a tree of an even number of nodes": ("starts", lambda array: _set(1, array[1] + 1)(array)),
        "a tree without nodes": ("starts", _set(1, 0)),
        "a feature beyond the model's": ("feature", lambda array: np.where(array >= 0, 64, array).astype(np.int32)),
        "a leaf of another mark": ("feature", lambda array: np.where(array < 0, -2, array).astype(np.int32)),
        "a right child before its place": ("jump", _set(0, 1)),
        "a right child behind the tree": ("jump", _set(0, 1000)),
        "the last leaf's number": ("jump", _set(-1, 0)),
        "a threshold in a leaf": ("threshold", _set(-1, 1.0)),
        "a count below 0": ("counts", _set(0, -1)),
        "more rows in a tree than in the state": ("rows", lambda array: array * 0),
        "a leaf without rows": ("counts", lambda array: array * 0),
    },
}


def _bytes(data: bytes) -> Iterator[tuple[str, bytes]]:
    count = data.index(b"\x06\0\0\0format")
    header = data[count : data.index(b"\x08\0\0\0settings")]
    learner = header[header.index(b"\x07\0\0\0learner") :]
    yield "no bytes", b""
    yield "the last byte is missing", data[:-1]
    yield "half of it", data[: len(data) // 2]
    yield "a byte behind the end", data + b"\0"
    yield "another version of the container", data.replace(b"unlearn\x01", b"unlearn\x02", 1)
    yield "header entries in another order", data.replace(header, learner + header.removesuffix(learner), 1)
    yield "a header entry that is neither text nor number", data.replace(b"formats", b"formatx", 1)
    yield "a header entry that is a number", data.replace(b"formats\x07\0\0\0state/1", b"formati" + bytes(8), 1)
    yield "another format of states", data.replace(b"state/1", b"state/2", 1)
    yield "a name that is not UTF-8", data.replace(b"format", b"forma\xff", 1)
    yield "a name longer than all", data.replace(b"\x06\0\0\0format", b"\xff\xff\xff\xffformat", 1)
    yield "more arrays than there are", _with_count(data, 9)
    yield "fewer arrays than there are", _with_count(data, 2)
    yield "big-endian numbers", data.replace(b"<i8", b">i8", 1)
    yield "five dimensions", data.replace(b"<i8\x02", b"<i8\x05", 1)
    yield "a shape that no memory holds", _with_shape(data, 2**62)
    yield "a size that does not follow from the shape", _with_shape(data, 3)


def _with_count(data: bytes, count: int) -> bytes:
    at = data.index(b"\x06\0\0\0counts") - 4
    return data[:at] + count.to_bytes(4, "little") + data[at + 4 :]


def _with_shape(data: bytes, rows: int) -> bytes:
    at = data.index(b"<i8\x02") + 4
    return data[:at] + rows.to_bytes(8, "little") + data[at + 8 :]


def lines() -> Iterator[dict[str, Any]]:
    """A line a state: `good` says whether a reader takes it."""
    for name, model in _MODELS.items():
        state = encode_state(model.learner, model.state(SHARDS[0] + SHARDS[1]))
        yield _line(f"{name}: good", model, state, good=True)
        yield _line(f"{name}: empty", model, encode_state(model.learner, model.learner.empty()), good=True)
        for what, (array, change) in _ARRAYS[name].items():
            yield _line(f"{name}: {what}", model, _changed(state, array, change))
        header, arrays = decode_arrays(state)
        yield _line(f"{name}: an array too many", model, encode_arrays(header, {**arrays, "more": np.zeros(1)}))
        yield _line(f"{name}: of other settings", model, encode_arrays({**header, "settings": "0" * 64}, arrays))
        yield _line(f"{name}: of another learner", model, encode_arrays({**header, "learner": "other"}, arrays))
        yield _line(f"{name}: a header entry too many", model, encode_arrays({**header, "more": "x"}, arrays))
    shallow = model_of("forest", features=64, learner_options={"trees": 2, "depth": 0, "share": 0.9})
    header, _ = decode_arrays(encode_state(shallow.learner, shallow.learner.empty()))
    _, arrays = decode_arrays(encode_state(_MODELS["forest"].learner, _MODELS["forest"].state(SHARDS[0] + SHARDS[1])))
    yield _line("forest: a tree deeper than the model's", shallow, encode_arrays(header, arrays))
    model = _MODELS["naive-bayes"]
    for what, data in _bytes(encode_state(model.learner, model.state(SHARDS[0] + SHARDS[1]))):
        yield _line(f"bytes: {what}", model, data)


def _line(what: str, model: SmallModel, data: bytes, *, good: bool = False) -> dict[str, Any]:
    return {"what": what, "made": model.made, "base64": base64.b64encode(data).decode(), "good": good}

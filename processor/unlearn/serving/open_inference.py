"""The Open Inference Protocol, version 2, in JSON: a request's tensors as inputs, and answers as tensors.

Source: Open Inference Protocol, REST part, "Inference" and "Model Metadata".
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unlearn.errors import InputInvalid
from unlearn.scoring.serving import Answer
from unlearn.serving.asked import Asked, limited
from unlearn.validation_errors import first_error
from unlearn_models.base.learner import Learner
from unlearn_models.base.rows import Rows

__all__ = ["Infer", "asked_of", "inferred", "metadata", "read_infer"]

PLATFORM = "unlearn"
_TEXT, _FEATURES = "text", "features"
_SPARSE = ("indptr", "indices", "values")
"""The three arrays of rows in compressed form: where each row begins, indices, and values."""
_SCORES, _LABELS = "scores", "labels"
_Number = int | float
_Datatype = Literal["BYTES", "FP64", "FP32", "INT64", "INT32"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)


class _Tensor(_Message):
    name: str
    shape: Annotated[list[int], Field(fail_fast=True)]
    datatype: _Datatype
    data: list[Any]


class _Output(_Message):
    name: str


class Infer(_Message):
    """A request: its id, its tensors, and the outputs that it asks for, all of them unless it names some."""

    id: str | None = None
    inputs: Annotated[list[_Tensor], Field(fail_fast=True)] = Field(min_length=1)
    outputs: Annotated[list[_Output], Field(fail_fast=True)] | None = None


def read_infer(body: bytes) -> Infer:
    """The request in a body. Raises InputInvalid."""
    try:
        asked = Infer.model_validate_json(body)
    except ValidationError as error:
        raise InputInvalid(first_error(error, 3, "body")) from None
    wanted = [one.name for one in asked.outputs or ()]
    unknown = [name for name in wanted if name not in (_SCORES, _LABELS)]
    if unknown:
        raise InputInvalid(f"outputs: {_SCORES} and {_LABELS} are there, and no {unknown[0][:64]}")
    # Else a body as long as it may be would have an answer of gigabytes.
    if len(set(wanted)) < len(wanted):
        raise InputInvalid("outputs: a name is there twice")
    return asked


def asked_of(asked: Infer, learner: Learner, most: int) -> Asked:
    """The texts or rows of features that the tensors hold, at most so many. Raises InputInvalid."""
    tensors = {one.name: one for one in asked.inputs}
    if len(tensors) < len(asked.inputs):
        raise InputInvalid("inputs: a name is there twice")
    names = tuple(tensors)
    if names == (_TEXT,):
        return _texts(tensors[_TEXT], most)
    if names == (_FEATURES,):
        return _dense(tensors[_FEATURES], learner, most)
    if sorted(names) == sorted(_SPARSE):
        return _sparse(tensors, learner, most)
    raise InputInvalid(f"inputs: give {_TEXT}, or {_FEATURES}, or {', '.join(_SPARSE)}")


def inferred(name: str, asked: Infer, answer: Answer) -> dict[str, Any]:
    """The response: scores (n, classes) in FP64, labels (n,), and in its parameters whose scores they are."""
    n = len(answer.scores)
    outputs = {
        _SCORES: _tensor(_SCORES, "FP64", list(answer.scores.shape), answer.scores.ravel().tolist()),
        _LABELS: _tensor(_LABELS, "BYTES", [n], answer.labels()),
    }
    wanted = [one.name for one in asked.outputs] if asked.outputs else list(outputs)
    said = {"id": asked.id} if asked.id is not None else {}
    return {
        "model_name": name,
        "model_version": str(answer.version),
        **said,
        "parameters": told(answer),
        "outputs": [outputs[one] for one in wanted],
    }


def told(answer: Answer) -> dict[str, Any]:
    """What an answer says beside its scores."""
    return {
        "classes": list(answer.classes),
        "content": answer.content,
        "left_out": list(answer.left_out),
        "lease_ends": None if answer.lease_ends is None else answer.lease_ends.isoformat(timespec="milliseconds"),
        "learned": answer.learned,
    }


def metadata(name: str, learner: Learner, version: int | None) -> dict[str, Any]:
    """A model's description: its inputs, of which one is given, or the three of rows in compressed form."""
    sparse = zip(_SPARSE, ("INT64", "INT64", "FP64"), strict=True)
    return {
        "name": name,
        "versions": [] if version is None else [str(version)],
        "platform": PLATFORM,
        "inputs": [
            {"name": _TEXT, "datatype": "BYTES", "shape": [-1]},
            {"name": _FEATURES, "datatype": "FP64", "shape": [-1, learner.n_features]},
            *({"name": one, "datatype": kind, "shape": [-1]} for one, kind in sparse),
        ],
        "outputs": [
            {"name": _SCORES, "datatype": "FP64", "shape": [-1, len(learner.classes)]},
            {"name": _LABELS, "datatype": "BYTES", "shape": [-1]},
        ],
        "parameters": {"learner": learner.id, "classes": list(learner.classes)},
    }


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def _flat(tensor: _Tensor, kinds: tuple[type, ...], dimensions: tuple[int, ...]) -> list[Any]:
    """The tensor's data in row-major order, which may be nested as its shape is. Raises InputInvalid."""
    where = f"inputs.{tensor.name[:64]}"
    if len(tensor.shape) not in dimensions or any(size < 0 for size in tensor.shape):
        raise InputInvalid(f"{where}: its shape has {' or '.join(map(str, dimensions))} dimensions")
    data = tensor.data
    for size in tensor.shape[:0:-1]:
        if data and all(isinstance(one, list) for one in data):
            if any(len(one) != size for one in data):
                raise InputInvalid(f"{where}: its data has another shape than it says")
            data = list(chain.from_iterable(data))
    if len(data) != int(np.prod(tensor.shape, dtype=object)):
        raise InputInvalid(f"{where}: its data has another shape than it says")
    if any(type(one) not in kinds for one in data):
        raise InputInvalid(f"{where}: its data is not all {tensor.datatype}")
    return data


def _numbers(tensor: _Tensor) -> tuple[type, ...]:
    return (int,) if tensor.datatype.startswith("INT") else (int, float)


def _texts(tensor: _Tensor, most: int) -> list[str]:
    if tensor.datatype != "BYTES":
        raise InputInvalid(f"inputs.{_TEXT}: its datatype is BYTES")
    data: list[str] = _flat(tensor, (str,), (1, 2))
    if len(tensor.shape) == 2 and tensor.shape[1] != 1:
        raise InputInvalid(f"inputs.{_TEXT}: its shape is [n] or [n, 1]")
    limited(len(data), most)
    return data


def _dense(tensor: _Tensor, learner: Learner, most: int) -> Rows:
    if tensor.datatype == "BYTES":
        raise InputInvalid(f"inputs.{_FEATURES}: its datatype is FP64, FP32, INT64 or INT32")
    data = _flat(tensor, _numbers(tensor), (2,))
    n, width = tensor.shape
    limited(n, most)
    if width > learner.n_features:
        raise InputInvalid(f"inputs.{_FEATURES}: the model has {learner.n_features}")
    values = _floats(tensor, data).reshape(n, width)
    rows, columns = np.nonzero(values)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
    return _rows(indptr.astype(np.int64), columns.astype(np.int32), values[rows, columns])


def _sparse(tensors: Mapping[str, _Tensor], learner: Learner, most: int) -> Rows:
    indptr, indices, values = (tensors[name] for name in _SPARSE)
    starts, columns = (_whole(one) for one in (indptr, indices))
    numbers = _floats(values, _flat(values, _numbers(values), (1,)))
    limited(len(starts) - 1, most)
    if starts[0] != 0 or starts[-1] != len(columns) or len(columns) != len(numbers) or (np.diff(starts) < 0).any():
        raise InputInvalid(
            "inputs.indptr: it begins with 0, doesn't fall, and ends with the number of indices and values"
        )
    if len(columns) and (columns.min() < 0 or columns.max() >= learner.n_features):
        raise InputInvalid(f"inputs.indices: they are 0 to {learner.n_features - 1}")
    within = np.diff(columns) <= 0
    within[starts[1:-1][(starts[1:-1] > 0) & (starts[1:-1] < len(columns))] - 1] = False
    if within.any():
        raise InputInvalid("inputs.indices: in each row they rise")
    kept = numbers != 0
    at = np.concatenate([[0], np.cumsum(kept)])
    return _rows(at[starts].astype(np.int64), columns[kept].astype(np.int32), numbers[kept])


def _whole(tensor: _Tensor) -> Any:
    data = _flat(tensor, (int,), (1,))
    if tensor.datatype not in ("INT64", "INT32") or any(abs(one) >= 2**31 for one in data):
        raise InputInvalid(f"inputs.{tensor.name}: its datatype is INT64 or INT32")
    return np.array(data, np.int64)


def _floats(tensor: _Tensor, data: list[_Number]) -> Any:
    try:
        found = np.array([float(one) for one in data], np.float64)
    except OverflowError:
        raise InputInvalid(f"inputs.{tensor.name}: a number is too large") from None
    if not np.isfinite(found).all():
        raise InputInvalid(f"inputs.{tensor.name}: a number is not finite")
    return found


def _rows(indptr: Any, indices: Any, values: Any) -> Rows:
    return Rows(np.full(len(indptr) - 1, -1, np.int32), indptr, indices, values)

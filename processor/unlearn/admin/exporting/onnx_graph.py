"""The model as an ONNX graph over counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unlearn_models.base.aggregate import LONGEST, Aggregate

__all__ = ["onnx_model"]

_OPSET, _IR = 17, 8
"""Versions that every runtime of the last years reads."""


def onnx_model(model: Aggregate, n_features: int, metadata: Mapping[str, str]) -> bytes:
    """A graph from `counts` (n, n_features) float64 to `probabilities` (n, classes) float64 and `label` (n,) int64.

    The label is the place of the likeliest class, of equal ones the first.
    """
    from onnx import TensorProto, helper, numpy_helper

    steps = [*_values(model), *_scores(), *_link(model)]
    nodes = [helper.make_node(operation, takes, gives, **more) for operation, takes, gives, more in steps]
    constants = {
        "weights": np.ascontiguousarray(model.table(n_features)),
        "bias": np.ascontiguousarray(model.bias),
        "squared": np.array(LONGEST**2),
        "columns": np.array([1], np.int64),
    }
    classes = 2 if len(model.bias) == 1 else len(model.bias)
    graph = helper.make_graph(
        nodes,
        "unlearn",
        [helper.make_tensor_value_info("counts", TensorProto.DOUBLE, ["n", n_features])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, ["n", classes]),
            helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    helper.set_model_props(made, dict(metadata))
    return bytes(made.SerializeToString())


_Node = tuple[str, Sequence[str], Sequence[str], dict[str, Any]]


def _values(model: Aggregate) -> list[_Node]:
    """From counts to x."""
    if model.values == "counts":
        return [("Identity", ["counts"], ["x"], {})]
    return [
        ("Abs", ["counts"], ["sizes"], {}),
        ("Sqrt", ["sizes"], ["roots"], {}),
        ("Sign", ["counts"], ["signs"], {}),
        ("Mul", ["roots", "signs"], ["signed"], {}),
        ("ReduceSum", ["sizes", "columns"], ["total"], {"keepdims": 1}),
        ("Max", ["total", "squared"], ["bounded"], {}),
        ("Div", ["squared", "bounded"], ["share"], {}),
        ("Sqrt", ["share"], ["scale"], {}),
        ("Mul", ["signed", "scale"], ["x"], {}),
    ]


def _scores() -> list[_Node]:
    """From x to z."""
    return [("MatMul", ["x", "weights"], ["products"], {}), ("Add", ["products", "bias"], ["z"], {})]


def _link(model: Aggregate) -> list[_Node]:
    """From z to what is asked for."""
    label: _Node = "ArgMax", ["probabilities"], ["label"], {"axis": 1, "keepdims": 0}
    if model.link == "softmax":
        return [("Softmax", ["z"], ["probabilities"], {"axis": 1}), label]
    if len(model.bias) == 1:
        return [
            ("Neg", ["z"], ["other"], {}),
            ("Concat", ["other", "z"], ["both"], {"axis": 1}),
            ("Sigmoid", ["both"], ["probabilities"], {}),
            label,
        ]
    return [
        ("Sigmoid", ["z"], ["each"], {}),
        ("ReduceSum", ["each", "columns"], ["sum"], {"keepdims": 1}),
        ("Div", ["each", "sum"], ["probabilities"], {}),
        label,
    ]

"""The files of an export but for its description: weights as scikit-learn, safetensors or ONNX take them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from importlib import resources
from types import MappingProxyType

import numpy as np

from unlearn.admin.exporting.description import Description, flat
from unlearn.admin.exporting.format import Format
from unlearn.admin.exporting.onnx_graph import onnx_model
from unlearn.errors import InputInvalid
from unlearn_models.base.aggregate import Aggregate

__all__ = ["LACKING", "NEEDS", "files_of"]

NEEDS: Mapping[Format, tuple[str, ...]] = MappingProxyType(
    {"sklearn": (), "safetensors": ("safetensors",), "onnx": ("onnx",)}
)
"""The packages of the extra `[export]` by which a format is written."""
LACKING: Mapping[Format, str] = MappingProxyType(
    {
        "sklearn": "load.py reads texts by Python's own Unicode; with that of export.json the counts are the same",
        "safetensors": "it holds weights alone: how a text becomes counts, and counts a score, see export.json",
        "onnx": "its input is counts, (n, features) float64: it can't carry how a text becomes counts, see export.json",
    }
)
"""What a format doesn't carry."""
_LARGEST = 2**30
"""Bytes of weights of all features, at most, where a format has no sparse ones."""


def files_of(model: Aggregate, description: Description) -> dict[str, bytes]:
    """Name -> bytes. Raises InputInvalid where the model is too large for the format."""
    size = 8 * description.features * len(model.bias)
    if description.to != "safetensors" and size > _LARGEST:
        raise InputInvalid(
            f"the weights of all {description.features} features take {size} bytes: export to safetensors"
        )
    return _MAKE[description.to](model, description)


def _sklearn(model: Aggregate, description: Description) -> dict[str, bytes]:
    packed = io.BytesIO()
    np.savez(packed, features=model.features, weights=model.weights, bias=model.bias)
    return {"weights.npz": packed.getvalue(), "load.py": resources.files(__package__).joinpath("load.py").read_bytes()}


def _safetensors(model: Aggregate, description: Description) -> dict[str, bytes]:
    from safetensors.numpy import save

    arrays = {"features": model.features, "weights": model.weights, "bias": model.bias}
    tensors = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return {"model.safetensors": save(tensors, metadata=flat(description))}


def _onnx(model: Aggregate, description: Description) -> dict[str, bytes]:
    return {"model.onnx": onnx_model(model, description.features, flat(description))}


_MAKE: Mapping[Format, Callable[[Aggregate, Description], dict[str, bytes]]] = MappingProxyType(
    {"sklearn": _sklearn, "safetensors": _safetensors, "onnx": _onnx}
)

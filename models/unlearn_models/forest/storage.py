"""A forest with its rows as canonical bytes.  Trees follow from the rows, so only these are kept."""

from __future__ import annotations

from dataclasses import fields
from typing import cast

import numpy as np

from unlearn_models.base.encoding import decode_arrays, encode_arrays
from unlearn_models.base.errors import BadRows, BadSettings, BadState
from unlearn_models.forest.forest import Forest
from unlearn_models.forest.settings import Settings

_FORMAT = "forest-rows/1"


def save(forest: Forest) -> bytes:
    """The forest's settings and rows in canonical bytes: equal forests give equal bytes, however they came about."""
    keys, x, y = forest.rows()
    cells = x != 0
    header: dict[str, str | int] = {
        "format": _FORMAT,
        "n_classes": forest.n_classes,
        "n_features": forest.n_features,
    }
    for field in fields(Settings):
        value = getattr(forest.settings, field.name)
        header[field.name] = float(value).hex() if field.name == "share" else value
    return encode_arrays(
        header,
        {
            "keys": keys.view(np.int64),
            "labels": y,
            "sizes": cells.sum(axis=1).astype(np.int32),
            "features": np.nonzero(cells)[1].astype(np.int32),
            "values": x[cells],
        },
    )


def load(data: bytes) -> Forest:
    """The saved forest, its trees grown again.  Raises BadState unless the bytes are canonical."""
    header, arrays = decode_arrays(data)
    if header.get("format") != _FORMAT or set(arrays) != {"keys", "labels", "sizes", "features", "values"}:
        raise BadState("these bytes are no forest with its rows")
    try:
        settings = {field.name: header[field.name] for field in fields(Settings)}
        settings["share"] = cast("int", float.fromhex(str(settings["share"])))
        forest = Forest(
            Settings(**settings),  # type: ignore[arg-type]
            cast("int", header["n_classes"]),
            cast("int", header["n_features"]),
        )
        sizes = arrays["sizes"]
        x = np.zeros((len(sizes), forest.n_features))
        x[np.repeat(np.arange(len(sizes)), sizes), arrays["features"]] = arrays["values"]
        forest.apply(added_keys=arrays["keys"].view(np.uint64), x=x, y=arrays["labels"])
    except (KeyError, ValueError, TypeError, IndexError, BadSettings, BadRows):
        raise BadState("the saved forest is not whole") from None
    if save(forest) != data:
        raise BadState("the saved forest is not canonical")
    return forest

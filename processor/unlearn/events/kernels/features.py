"""Features of an insert: an array of values, or an object of values by index."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from unlearn.events.event import MAX_FEATURES
from unlearn.events.kernels.blanks import skip
from unlearn.events.kernels.numbers import integer, value
from unlearn.events.kernels.signatures import (
    ALLOWED,
    BYTES,
    CONTENTS,
    N_FEATURES,
    NO,
    PLACE_AND_COUNT,
    Allowed,
    Bytes,
    Contents,
)
from unlearn.events.kernels.strings import QUOTE
from unlearn_models.base.kernel import i64, lean_kernel

_OPEN_LIST: Final = 0x5B
_CLOSE_LIST: Final = 0x5D
_OPEN_OBJECT: Final = 0x7B
_CLOSE_OBJECT: Final = 0x7D
_COMMA: Final = 0x2C
_COLON: Final = 0x3A
_INDEX_DIGITS: Final = 10
_MOST: Final = MAX_FEATURES


@lean_kernel(i64, BYTES, i64, i64, i64, ALLOWED, CONTENTS)
def _feature(data: Bytes, at: Any, stop: Any, index: Any, allowed: Allowed, contents: Contents) -> Any:
    """The position behind the value of the feature with this index, which is added to the contents unless it is 0."""
    _labels, _ends, _classes, n_features, counts = allowed
    _text, indices, values, filled = contents
    at, found = value(data, at, stop)
    if at < 0 or index >= n_features:
        return NO
    if found != 0.0:
        if counts and not (found > 0.0 and found == np.floor(found)):
            return NO
        indices[filled[N_FEATURES]] = index
        values[filled[N_FEATURES]] = found
        filled[N_FEATURES] += 1
    return at


@lean_kernel(PLACE_AND_COUNT, BYTES, i64, i64)
def _name(data: Bytes, at: Any, stop: Any) -> tuple[Any, Any]:
    """The position behind an index in quotes and its colon, and the index."""
    if at >= stop or data[at] != QUOTE:
        return NO, 0
    at, index = integer(data, at + 1, stop, _INDEX_DIGITS)
    if at < 0 or at >= stop or data[at] != QUOTE:
        return NO, 0
    at = skip(data, at + 1, stop)
    return (at + 1 if at < stop and data[at] == _COLON else NO), index


@lean_kernel(i64, BYTES, i64, i64, ALLOWED, CONTENTS)
def features(data: Bytes, at: Any, stop: Any, allowed: Allowed, contents: Contents) -> Any:
    """The position behind the features, which are added to the contents; indices must ascend."""
    if at >= stop or data[at] not in (_OPEN_LIST, _OPEN_OBJECT):
        return NO
    sparse = data[at] == _OPEN_OBJECT
    close = _CLOSE_OBJECT if sparse else _CLOSE_LIST
    at = skip(data, at + 1, stop)
    if at < stop and data[at] == close:
        return at + 1
    last = -1
    for _ in range(_MOST):
        index = last + 1
        if sparse:
            at, index = _name(data, at, stop)
            if at < 0 or index <= last:
                return NO
            at = skip(data, at, stop)
        at = _feature(data, at, stop, index, allowed, contents)
        if at < 0:
            return NO
        at = skip(data, at, stop)
        if at >= stop or data[at] != _COMMA:
            return at + 1 if at < stop and data[at] == close else NO
        at, last = skip(data, at + 1, stop), index
    return NO

"""The fields of an insert: their names, and what stands behind each."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from unlearn.events.event import MAX_ID, MAX_TIME
from unlearn.events.kernels.blanks import stands_at
from unlearn.events.kernels.features import features
from unlearn.events.kernels.numbers import integer
from unlearn.events.kernels.signatures import (
    ALLOWED,
    BYTES,
    CONTENTS,
    FOUND,
    N_BYTES,
    NO,
    Allowed,
    Bytes,
    Contents,
    Longs,
)
from unlearn.events.kernels.strings import plain_string, text
from unlearn.events.kernels.words import WORD, load, word_of
from unlearn_models.base.kernel import i64, lean_kernel

NAMES: Final = (
    *("type", "event_id", "record_id", "subject_id", "revision"),
    *("occurred_at", "label", "text", "features"),
)
"""A field's number is its place here."""
TYPE, EVENT, RECORD, SUBJECT, REVISION, TIME, LABEL, TEXT, FEATURES = range(len(NAMES))

# Where a member's content stands among those found.
RECORD_START, RECORD_STOP, SUBJECT_START, SUBJECT_STOP, FOUND_REVISION, FOUND_LABEL = range(6)
N_FOUND: Final = 6

_QUOTED = [f'"{name}"'.encode() for name in NAMES]
_WORDS = np.array([[word_of(name[:WORD]), word_of(name[WORD:])] for name in _QUOTED], np.uint64)
_BYTES = _WORDS.view(np.uint8)
_MASKS = np.where(_BYTES, np.uint8(0xFF), np.uint8(0)).view(np.uint64)
"""Every name with its quotes has at most two words."""
SIZES = np.array([len(name) for name in _QUOTED], np.int64)
"""The fields' names with their quotes, in bytes."""
_SLOTS: Final = 32
_FIELDS = np.zeros(_SLOTS, np.int64)
_FIRST: Final = 1
_THIRD: Final = 3
for _i, _name in enumerate(_QUOTED):
    _FIELDS[(_name[_FIRST] + 2 * _name[_THIRD]) % _SLOTS] = _i
"""Two letters of a name tell it from the others."""
_INSERT = np.frombuffer(b'"insert"', np.uint8)
_NULL = np.frombuffer(b"null", np.uint8)
_ID: Final = MAX_ID
_TIME: Final = MAX_TIME
_REVISION_DIGITS: Final = 15
"""Longer ones may be above MAX_REVISION."""


@lean_kernel(i64, BYTES, i64, i64)
def _last_field_at(data: Bytes, at: Any, stop: Any) -> Any:
    """As `field_at`, where less than two words are left."""
    for field in range(len(SIZES)):
        if stands_at(data, at, stop, _BYTES[field, : SIZES[field]]):
            return field
    return NO


@lean_kernel(i64, BYTES, i64, i64)
def field_at(data: Bytes, at: Any, stop: Any) -> Any:
    """The number of the field whose name stands here in quotes; NO where none does."""
    if at + 2 * WORD > stop:
        return _last_field_at(data, at, stop)
    field = _FIELDS[(int(data[at + _FIRST]) + 2 * int(data[at + _THIRD])) % _SLOTS]
    first = (load(data, at) ^ _WORDS[field, 0]) & _MASKS[field, 0]
    second = (load(data, at + WORD) ^ _WORDS[field, 1]) & _MASKS[field, 1]
    return field if first | second == 0 else NO


@lean_kernel(i64, BYTES, i64, i64, ALLOWED)
def _class(data: Bytes, start: Any, stop: Any, allowed: Allowed) -> Any:
    """The class of the label data[start:stop]; NO where the model doesn't learn from it."""
    labels, ends, classes, _n_features, _counts = allowed
    first = 0
    for i in range(len(ends)):
        if ends[i] - first == stop - start and stands_at(data, start, stop, labels[first : ends[i]]):
            return int(classes[i])
        first = ends[i]
    return NO


@lean_kernel(i64, BYTES, i64, i64, i64, ALLOWED, FOUND)
def _short(data: Bytes, at: Any, stop: Any, field: Any, allowed: Allowed, found: Longs) -> Any:
    """The position behind an id, a time or a label."""
    if field in (SUBJECT, TIME, LABEL) and stands_at(data, at, stop, _NULL):
        return at + len(_NULL)
    end = plain_string(data, at, stop, _TIME if field == TIME else _ID)
    if end < 0:
        return NO
    if field == RECORD:
        found[RECORD_START], found[RECORD_STOP] = at + 1, end - 1
    elif field == SUBJECT:
        found[SUBJECT_START], found[SUBJECT_STOP] = at + 1, end - 1
    elif field == LABEL:
        found[FOUND_LABEL] = _class(data, at + 1, end - 1, allowed)
        if found[FOUND_LABEL] < 0:
            return NO
    return end


@lean_kernel(i64, BYTES, i64, i64, i64, ALLOWED, FOUND, CONTENTS)
def member(data: Bytes, at: Any, stop: Any, field: Any, allowed: Allowed, found: Longs, contents: Contents) -> Any:
    """The position behind the content of a field, which is noted among those found or added to the contents."""
    if field == TYPE:
        return at + len(_INSERT) if stands_at(data, at, stop, _INSERT) else NO
    if field == TEXT:
        filled = contents[3]
        at, filled[N_BYTES] = text(data, at, stop, contents[0], filled[N_BYTES])
        return at
    if field == FEATURES:
        return features(data, at, stop, allowed, contents)
    if field == REVISION:
        at, found[FOUND_REVISION] = integer(data, at, stop, _REVISION_DIGITS)
        return at
    return _short(data, at, stop, field, allowed, found)

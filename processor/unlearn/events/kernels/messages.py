"""Messages: each is one JSON object with the fields of an insert, or it isn't taken."""

from __future__ import annotations

from typing import Any, Final

from unlearn.events.kernels.blanks import skip
from unlearn.events.kernels.members import (
    EVENT,
    FEATURES,
    FOUND_LABEL,
    FOUND_REVISION,
    RECORD,
    RECORD_START,
    RECORD_STOP,
    SIZES,
    SUBJECT_START,
    SUBJECT_STOP,
    TEXT,
    TYPE,
    field_at,
    member,
)
from unlearn.events.kernels.signatures import (
    ALLOWED,
    BYTES,
    CONTENTS,
    FOUND,
    N_BYTES,
    N_FEATURES,
    NO,
    Allowed,
    Bytes,
    Contents,
    Ints,
    Longs,
)
from unlearn_models.base.kernel import i32, i64, lean_kernel, none, reads, u8, writes

NOT_TAKEN: Final = 0
AS_TEXT: Final = 1
AS_FEATURES: Final = 2

_OPEN: Final = 0x7B
_CLOSE: Final = 0x7D
_COMMA: Final = 0x2C
_COLON: Final = 0x3A
_NEEDED: Final = 1 << TYPE | 1 << EVENT | 1 << RECORD


@lean_kernel(i64, BYTES, i64, i64, ALLOWED, FOUND, CONTENTS)
def _fields(data: Bytes, at: Any, stop: Any, allowed: Allowed, found: Longs, contents: Contents) -> Any:
    """The fields of the object that the message is, bit by bit; 0 where it isn't taken."""
    at = skip(data, at, stop)
    if at >= stop or data[at] != _OPEN:
        return 0
    seen = 0
    while True:
        at = skip(data, at + 1, stop)
        field = field_at(data, at, stop)
        if field < 0 or seen >> field & 1:
            return 0
        seen |= 1 << field
        at = skip(data, at + SIZES[field], stop)
        if at >= stop or data[at] != _COLON:
            return 0
        at = member(data, skip(data, at + 1, stop), stop, field, allowed, found, contents)
        if at < 0:
            return 0
        at = skip(data, at, stop)
        if at >= stop or data[at] != _COMMA:
            break
    whole = at < stop and data[at] == _CLOSE and skip(data, at + 1, stop) == stop
    return seen if whole else 0


@lean_kernel(i64, BYTES, i64, i64, ALLOWED, FOUND, CONTENTS)
def _message(data: Bytes, at: Any, stop: Any, allowed: Allowed, found: Longs, contents: Contents) -> Any:
    """How the message is taken, if it is."""
    found[SUBJECT_START], found[SUBJECT_STOP], found[FOUND_REVISION], found[FOUND_LABEL] = NO, NO, 0, NO
    filled = contents[3]
    n_bytes, n_features = filled[N_BYTES], filled[N_FEATURES]
    seen = _fields(data, at, stop, allowed, found, contents)
    has_text, has_features = seen >> TEXT & 1, seen >> FEATURES & 1
    if seen & _NEEDED == _NEEDED and has_text + has_features == 1:
        return AS_TEXT if has_text else AS_FEATURES
    filled[N_BYTES], filled[N_FEATURES] = n_bytes, n_features
    return NOT_TAKEN


def _take_none(*arrays: object) -> None:
    """As the kernel `scan_messages` where it takes no message: all are read the general way then."""


@lean_kernel(
    none,
    *(BYTES, reads(i64, 2), ALLOWED, FOUND, CONTENTS),
    *(writes(u8), writes(i64, 2), writes(i64, 2), writes(i64), writes(i32), writes(i64), writes(i64)),
    plain=_take_none,
)
def scan_messages(
    data: Bytes,
    spans: Longs,
    allowed: Allowed,
    found: Longs,
    contents: Contents,
    kinds: Bytes,
    records: Longs,
    subjects: Longs,
    revisions: Longs,
    labels: Ints,
    text_ends: Longs,
    feature_ends: Longs,
) -> None:
    """Kernel: what `UsualInserts` says of the messages data[start:stop], a line of spans (n, 2) for each.

    found (N_FOUND,) is working space. The arrays behind the contents are of n messages, and hold zeros for those that
    aren't taken.
    """
    filled = contents[3]
    for i in range(len(spans)):
        if spans[i, 0] >= 0:
            kinds[i] = _message(data, spans[i, 0], spans[i, 1], allowed, found, contents)
        if kinds[i] != NOT_TAKEN:
            records[i, 0], records[i, 1] = found[RECORD_START], found[RECORD_STOP]
            subjects[i, 0], subjects[i, 1] = found[SUBJECT_START], found[SUBJECT_STOP]
            revisions[i], labels[i] = found[FOUND_REVISION], found[FOUND_LABEL]
        text_ends[i], feature_ends[i] = filled[N_BYTES], filled[N_FEATURES]

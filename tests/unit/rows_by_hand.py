"""Rows by hand: slot, subject and label are all that tests of slices and training look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unlearn.partition.rows import NO_SUBJECT, Members
from unlearn_models import Rows

ANN, BOB = b"a" * 16, b"b" * 16


def members(*rows: tuple[int, bytes]) -> Members:
    """One row for each (slot, subject digest or b""), with one feature, the slot modulo 50."""
    slots = np.array([slot for slot, _ in rows], np.int64)
    count = len(rows)
    return Members(
        slots,
        digests([slot.to_bytes(16, "big") for slot, _ in rows]),
        digests([subject or NO_SUBJECT for _, subject in rows]),
        np.zeros(count, np.int64),
        Rows(
            (slots % 2).astype(np.int32),
            np.arange(count + 1, dtype=np.int64),
            (slots % 50).astype(np.int32),
            np.ones(count, np.float64),
        ),
    )


def digests(names: Sequence[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(names), np.uint8).reshape(len(names), 16)

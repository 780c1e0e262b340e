"""The usual inserts in a batch of messages, recognised by one kernel that accepts little.

What isn't taken goes the general way, `Parser.read`, which is the definition: what is taken, it would read the same.
Headers are not looked at: `silent_headers` tells which messages have none that bears on what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from unlearn.events.event import MAX_INDEX
from unlearn.events.kernels.members import N_FOUND
from unlearn.events.kernels.messages import AS_FEATURES, AS_TEXT, NOT_TAKEN, scan_messages
from unlearn.events.kernels.signatures import N_BYTES, N_COUNTS, N_FEATURES, Allowed

if TYPE_CHECKING:
    from unlearn_models.base.learner import Learner

__all__ = ["AS_FEATURES", "AS_TEXT", "NOT_TAKEN", "UsualInsertScanner", "UsualInserts", "scanner_of"]

_BYTES_A_FEATURE: Final = 2
"""A value takes a digit, and a comma or a bracket."""


@dataclass(frozen=True, slots=True)
class UsualInserts:
    """What was found in n messages. Positions are those in the bytes that were given.

    `kinds` (n,) uint8: NOT_TAKEN, AS_TEXT or AS_FEATURES. Of a message that isn't taken the text and the features are
    empty, and the rest means nothing.
    `records` (n, 2) int64: where the record id starts and stops.
    `subjects` (n, 2) int64: the same of the subject id; -1 and -1 without one.
    `revisions` (n,) int64.
    `labels` (n,) int32: class indices; -1 without a label.
    `text` uint8: all texts in UTF-8, one behind the other.
    `text_ends` (n,) int64: where each ends in `text`; it starts where the one before ends.
    `indptr` (n + 1,) int64, `indices` int32, `values` float64: features in CSR form, as `event.features_of` gives them.
    """

    kinds: NDArray[np.uint8]
    records: NDArray[np.int64]
    subjects: NDArray[np.int64]
    revisions: NDArray[np.int64]
    labels: NDArray[np.int32]
    text: NDArray[np.uint8]
    text_ends: NDArray[np.int64]
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    values: NDArray[np.float64]


class UsualInsertScanner:
    """Recognises usual inserts of one model.

    `labels`: the class index of each label that the model learns from.
    `n_features`: indices of features stay below it.
    `counts`: values of features must be whole numbers, none below 0.
    """

    def __init__(self, labels: Mapping[str, int], n_features: int, counts: bool) -> None:
        # Half a surrogate pair becomes bytes that no message may hold.
        names = [name.encode(errors="surrogatepass") for name in labels]
        self._allowed: Allowed = (
            np.frombuffer(b"".join(names), np.uint8),
            np.cumsum([len(name) for name in names], dtype=np.int64),
            np.fromiter(labels.values(), np.int32, len(labels)),
            min(n_features, MAX_INDEX + 1),
            counts,
        )

    def scan(self, data: NDArray[np.uint8], spans: NDArray[np.int64]) -> UsualInserts:
        """What the messages data[start:stop] are, each a line of spans (n, 2); a start of -1 stands for no value.

        Raises ValueError for spans that don't lie within the data.
        """
        n, room = len(spans), _size(spans, len(data))
        kinds, labels = np.zeros(n, np.uint8), np.zeros(n, np.int32)
        records, subjects = np.zeros((n, 2), np.int64), np.zeros((n, 2), np.int64)
        revisions, text_ends, indptr = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n + 1, np.int64)
        text, filled = np.empty(room, np.uint8), np.zeros(N_COUNTS, np.int64)
        indices, values = np.empty(room // _BYTES_A_FEATURE, np.int32), np.empty(room // _BYTES_A_FEATURE, np.float64)
        scan_messages(
            data,
            spans,
            self._allowed,
            np.zeros(N_FOUND, np.int64),
            (text, indices, values, filled),
            kinds,
            records,
            subjects,
            revisions,
            labels,
            text_ends,
            indptr[1:],
        )
        text, nnz = text[: filled[N_BYTES]], filled[N_FEATURES]
        return UsualInserts(
            *(kinds, records, subjects, revisions, labels, text, text_ends),
            *(indptr, indices[:nnz], values[:nnz]),
        )


def _size(spans: NDArray[np.int64], end: int) -> int:
    """How many bytes the messages have together."""
    starts, stops = spans[:, 0], spans[:, 1]
    held = starts >= 0
    # The kernel checks no bounds but these.
    if np.any(held & ((stops < starts) | (stops > end))):
        raise ValueError("a message that doesn't lie within the data")
    return int(np.sum(stops - starts, where=held))


def scanner_of(learner: Learner) -> UsualInsertScanner:
    """The scanner of a model with this learner: what it takes, the parser of `parsing.parser_of` reads the same."""
    labels = {name: learner.classes.index(name) for name in learner.labels}
    return UsualInsertScanner(labels, learner.n_features, learner.counts)

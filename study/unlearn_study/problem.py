"""The experiment's data: encoded once, split once, the same for every method."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Rows
from unlearn_study.errors import BadData
from unlearn_study.features import Encoded, encode, nearly_numbers
from unlearn_study.keyed import draws
from unlearn_study.sources.records import Records

__all__ = ["Problem", "Split", "make_problem"]

_TESTED = 5
"""One subject in so many is kept for testing."""
_HIDDEN = 2
"""One positive in so many loses its label for PU, unless the records' steps decide which."""
_LABELLED_STEPS, _UNLABELLED_STEPS = (1, 2), (5, 6)
_POSITIVE = ("spam", "1", "true", "yes", ">50k", "positive")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """train and test rows of one encoding, and its number of columns."""

    train: Rows
    test: Rows
    n_features: int


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """wide suits linear models and naive Bayes, narrow suits trees; both hold the same records in the same order.

    subjects (n,) uint64: for each training row the draw of its subject, which decides its shard; pu_subjects: the same
    for pu's rows.  pu: the classes (rest, positive), training rows with label 1 = known positive, -1 = unlabelled, and
    test rows with their true labels.
    """

    name: str
    classes: tuple[str, ...]
    positive: str
    wide: Split
    narrow: Split
    pu: Split
    subjects: NDArray[np.uint64]
    pu_subjects: NDArray[np.uint64]
    notes: tuple[str, ...] = field(default=())

    def fingerprint(self) -> str:
        """sha256 of all data that methods see, in hex."""
        found = hashlib.sha256(repr((self.classes, self.positive)).encode())
        for split in (self.wide, self.narrow, self.pu):
            found.update(str(split.n_features).encode())
            for rows in (split.train, split.test):
                for column in (rows.labels, rows.indptr, rows.indices, rows.values):
                    found.update(column.tobytes())
        found.update(self.subjects.tobytes())
        return found.hexdigest()

    def shards(self, count: int, *, pu: bool = False) -> NDArray[np.int32]:
        """Each training row's shard, (n,) int32 in 0..count-1; all rows of a subject are in the same one."""
        return ((self.pu_subjects if pu else self.subjects) % np.uint64(count)).astype(np.int32)


def make_problem(records: Records, seed: int, positive: str | None = None) -> Problem:
    """Encode the records and split them by subject, a fifth of the subjects for testing.

    positive: the class that PU looks for; None: one with a usual name such as spam, else the rarest.  Raises BadData
    where a class has no rows to train or to test, or there is no class `positive`.
    """
    classes = tuple(sorted(set(records.labels)))
    named = _positive(records, classes, positive)
    index = {name: at for at, name in enumerate(classes)}
    labels = np.array([index[label] for label in records.labels], np.int32)
    who = [subject if subject is not None else f"\0{at}" for at, subject in enumerate(records.subjects)]
    tested = draws(who, seed, "split") % np.uint64(_TESTED) == 0
    _demand_both(records, labels, tested)
    wide, narrow = encode(records, labels)
    shown, takes_part = _pu_labels(records, labels == index[named], seed)
    true = (labels == index[named]).astype(np.int32)
    places, trains = draws(who, seed, "shard"), ~tested & takes_part
    return Problem(
        records.name,
        classes,
        named,
        _split(wide, ~tested, tested),
        _split(narrow, ~tested, tested),
        Split(_labelled(wide.rows, shown).take(trains), _labelled(wide.rows, true).take(tested), wide.n_features),
        places[~tested],
        places[trains],
        _notes(records),
    )


def _split(encoded: Encoded, trains: NDArray[np.bool_], tested: NDArray[np.bool_]) -> Split:
    return Split(encoded.rows.take(trains), encoded.rows.take(tested), encoded.n_features)


def _labelled(rows: Rows, labels: NDArray[np.int32]) -> Rows:
    return Rows(labels, rows.indptr, rows.indices, rows.values)


def _positive(records: Records, classes: tuple[str, ...], given: str | None) -> str:
    if given is not None:
        if given not in classes:
            raise BadData(f"there is no class {given!r} among {', '.join(classes[:10])}")
        return given
    known = [name for name in classes if name.lower() in _POSITIVE]
    return known[0] if known else min(classes, key=records.labels.count)


def _demand_both(records: Records, labels: NDArray[np.int32], tested: NDArray[np.bool_]) -> None:
    for part, name in ((~tested, "to train"), (tested, "to test")):
        if len(np.unique(labels[part])) < len(np.unique(labels)):
            raise BadData(f"{records.name}: a class has no rows {name}; more rows or another --seed may help")


def _pu_labels(records: Records, positive: NDArray[np.bool_], seed: int) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Labels for PU (n,), 1 or -1, and which rows take part (n,)."""
    if records.steps is not None:
        steps = np.array(records.steps)
        known, unknown = positive & np.isin(steps, _LABELLED_STEPS), np.isin(steps, _UNLABELLED_STEPS)
        return np.where(known, 1, -1).astype(np.int32), known | unknown
    chosen = draws([str(at) for at in range(len(records))], seed, "hidden") % np.uint64(_HIDDEN) == 0
    return np.where(positive & ~chosen, 1, -1).astype(np.int32), np.ones(len(records), np.bool_)


def _notes(records: Records) -> tuple[str, ...]:
    left_out = tuple(f"{count:,} left out: {why}" for why, count in sorted(records.left_out.items()))
    hidden = (
        "PU: spam of steps 1 and 2 is labelled, all of steps 5 and 6 unlabelled, the rest left out"
        if records.steps is not None
        else "PU: half of the positives keep their label, by a keyed hash; all else is unlabelled"
    )
    return (*records.said, *nearly_numbers(records), *left_out, hidden)

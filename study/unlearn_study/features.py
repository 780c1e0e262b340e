"""Records to rows: wide for linear models and naive Bayes, narrow for trees.  Nothing is fitted to the data.

Texts become hashed counts, over 2**18 columns or 256.  In a table, a column of words becomes one column for each
word.  A column of numbers stays one column for trees; the other learners get one column for each of fixed buckets,
four to a power of two.  A table's words and the kinds of its columns are its schema, read before any training, as a
model's classes are.
"""

from __future__ import annotations

from math import floor, frexp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Rows, hash_texts
from unlearn_study.sources.numbers import MISSING, is_number
from unlearn_study.sources.records import Records

__all__ = ["NARROW", "WIDE", "Encoded", "encode", "nearly_numbers"]

WIDE = 2**18
NARROW = 256


def nearly_numbers(records: Records) -> list[str]:
    """Sentences on the columns that are read as words although most of their known cells are numbers."""
    found = []
    for title, cells in zip(records.titles, records.columns(), strict=False):
        known = [cell for cell in cells if cell not in MISSING]
        words = sum(not is_number(cell) for cell in known)
        if 0 < words < len(known) / 2:
            found.append(
                f"column {title} is read as words: {words:,} of its {len(known):,} cells are no numbers; "
                "what says nothing there can be named with --missing"
            )
    return found


class Encoded(NamedTuple):
    """Rows of one encoding, and its number of columns."""

    rows: Rows
    n_features: int


class _Column(NamedTuple):
    """A column's cells: the number and its bucket, or the word."""

    numbers: list[float] | None
    words: list[str]


class _Part(NamedTuple):
    """For each row its column within the part and its value, (n,) each; with 0.0 the row has no cell here."""

    width: int
    at: NDArray[np.int64]
    values: NDArray[np.float64]


def encode(records: Records, labels: NDArray[np.int32]) -> tuple[Encoded, Encoded]:
    """The records in the wide and in the narrow encoding, both in the same order; labels (n,) int32."""
    if records.texts is not None:
        return _hashed(records.texts, labels, WIDE), _hashed(records.texts, labels, NARROW)
    columns = [_column(cells) for cells in records.columns()]
    wide = [_words(column) for column in columns]
    narrow = [
        part if column.numbers is None else _number(column.numbers) for column, part in zip(columns, wide, strict=True)
    ]
    return _laid_out(wide, labels), _laid_out(narrow, labels)


def _hashed(texts: list[str], labels: NDArray[np.int32], n_features: int) -> Encoded:
    return Encoded(Rows(labels, *hash_texts(texts, n_features)), n_features)


def _column(cells: list[str]) -> _Column:
    known = {cell for cell in cells if cell not in MISSING}
    if not known or not all(map(is_number, known)):
        return _Column(None, cells)
    numbers = {cell: float(cell) for cell in known} | dict.fromkeys(MISSING, 0.0)
    buckets = {cell: _bucket(number) for cell, number in numbers.items()} | dict.fromkeys(MISSING, "?")
    return _Column([numbers[cell] for cell in cells], [buckets[cell] for cell in cells])


def _bucket(number: float) -> str:
    fraction, power = frexp(number)
    return f"{floor(fraction * 8)}@{power}"


def _laid_out(parts: list[_Part], labels: NDArray[np.int32]) -> Encoded:
    """The parts' columns side by side; each part gives a row one cell or none."""
    starts = np.cumsum([0, *(part.width for part in parts)])
    at = np.stack([part.at + start for part, start in zip(parts, starts[:-1], strict=True)], axis=1)
    values = np.stack([part.values for part in parts], axis=1)
    filled = values != 0
    indptr = np.zeros(len(labels) + 1, np.int64)
    np.cumsum(filled.sum(axis=1), out=indptr[1:])
    return Encoded(Rows(labels, indptr, at[filled].astype(np.int32), values[filled]), int(starts[-1]))


def _words(column: _Column) -> _Part:
    index = {word: at for at, word in enumerate(sorted(set(column.words)))}
    return _Part(len(index), np.array([index[word] for word in column.words]), np.ones(len(column.words)))


def _number(numbers: list[float]) -> _Part:
    return _Part(1, np.zeros(len(numbers), np.int64), np.array(numbers, np.float64))

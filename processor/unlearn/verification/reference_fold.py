"""The states that shards must have at (through, applied): the fold written a second time, slice by slice.

The rows' texts and features come from a second reading of the log; no more of them are held than one slice has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from unlearn.errors import LogUnreadable
from unlearn.events.event import Insert, features_of
from unlearn.log.protocol import Record
from unlearn.verification.reference import Model
from unlearn.verification.reference_rows import Members, Row
from unlearn_models import Learner, Rows, State, digest, hash_texts

NO_LINEAGE = "0" * 32


class Folded(NamedTuple):
    """A state's sha256 (64 hex digits), its lineage (32), and how many live rows it has, learned or not."""

    digest: str
    lineage: str
    rows: int


class Fold:
    """One shard's state after the slices learned so far."""

    def __init__(self, learner: Learner) -> None:
        self._learner, self._lineage, self._rows = learner, NO_LINEAGE, 0
        self._state: State = learner.empty()

    def learn(self, end: int, held: Mapping[int, Insert]) -> None:
        """Learn the slice that ends at `end`, by its live rows, at least one: slot -> insert, in slot order."""
        batch = rows_of(self._learner, list(held.values()))
        self._state = self._learner.learn(self._state, batch.take(self._learner.accepts(batch)))
        self._lineage = lineage_after(self._learner, self._lineage, end, sum_of(held))
        self._rows += len(held)

    def folded(self) -> Folded:
        """What is published of the state."""
        return Folded(digest(self._learner, self._state), self._lineage, self._rows)


def fold(
    model: Model, members: Members, records: Iterable[Record], through: Mapping[int, int], applied: int
) -> dict[int, Folded]:
    """Each shard's state at its end in `through`, as of `applied`; `records` are those of the log once more.

    Raises LogUnreadable where the insert of a row isn't among them.
    """
    folds = {shard: Fold(model.learner) for shard in through}
    found = _inserts_of(model, members.held(through, applied), records)
    for end, rows in groupby(found, key=lambda each: each[0].end):
        shards: dict[int, dict[int, Insert]] = {}
        for row, insert in rows:
            shards.setdefault(row.shard, {})[row.slot] = insert
        for shard, held in shards.items():
            folds[shard].learn(end, held)
    return {shard: each.folded() for shard, each in folds.items()}


def rows_of(learner: Learner, inserts: Sequence[Insert]) -> Rows:
    """The inserts as a learner takes them, in their order."""
    labels = {None: -1} | {name: place for place, name in enumerate(learner.classes)}
    at, index, value = hash_texts([insert.text or "" for insert in inserts], learner.n_features)
    texts = [(index[a:b], value[a:b]) for a, b in pairwise(at)]
    cells = [features_of(i) if i.text is None else cell for i, cell in zip(inserts, texts, strict=True)]
    return Rows(
        np.array([labels[insert.label] for insert in inserts], np.int32),
        np.cumsum([0, *(len(indices) for indices, _ in cells)], dtype=np.int64),
        np.concatenate([np.asarray(indices, np.int32) for indices, _ in cells]),
        np.concatenate([np.asarray(values, np.float64) for _, values in cells]),
    )


def sum_of(slots: Iterable[int]) -> int:
    """The sum of the slots' hashes, modulo 2^128."""
    return sum(map(_hash, slots)) % 2**128


def lineage_after(learner: Learner, lineage: str, end: int, total: int) -> str:
    """The lineage after one more slice, whose live slots' hashes have the sum `total`."""
    if learner.forgets:
        return f"{(int(lineage, 16) + total) % 2**128:032x}"
    link = bytes.fromhex(lineage) + end.to_bytes(8, "little") + total.to_bytes(16, "little")
    return blake2b(link, digest_size=16, person=b"lineage").hexdigest()


def _inserts_of(model: Model, rows: Iterator[Row], records: Iterable[Record]) -> Iterator[tuple[Row, Insert]]:
    parser, row = model.parser(), next(rows, None)
    for record in records:
        if row is not None and row.slot <= record.offset:
            insert = parser.read(record) if row.slot == record.offset else None
            if not isinstance(insert, Insert):
                break
            yield row, insert
            row = next(rows, None)
    if row is not None:
        raise LogUnreadable(f"the insert at {row.slot} can't be read again", row.slot)


def _hash(slot: int) -> int:
    hashed = blake2b(slot.to_bytes(8, "little"), digest_size=16, person=b"slot")
    return int.from_bytes(hashed.digest(), "little")

"""A DaRE forest that depends on its rows alone: after any additions and deletions it equals one grown from scratch.

Brophy and Lowd, "Machine Unlearning for Random Forests" (ICML 2021), keep at every node the statistics of the
candidate splits and rebuild a subtree only where its best split changes.  Here every random choice is a keyed hash
of what is chosen, so a tree is a pure function of (seed, settings, multiset of (key, content)).
"""

from __future__ import annotations

from copy import copy
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unlearn_models.base.errors import BadRows
from unlearn_models.forest.coding import normalise
from unlearn_models.forest.kernels import layout as at
from unlearn_models.forest.kernels.tasks import run
from unlearn_models.forest.kernels.walk import STACK_ROOM
from unlearn_models.forest.predict import predict
from unlearn_models.forest.publish import publish
from unlearn_models.forest.settings import Settings, check_width
from unlearn_models.forest.table import Table
from unlearn_models.forest.trees import Trees

MAX_ROWS = 2**21  # with more, the exact split criterion would overflow 64 bits
_NOTHING: NDArray[np.uint64] = np.empty(0, np.uint64)
_NO_SLOTS: NDArray[np.int32] = np.empty(0, np.int32)


class Forest:
    """A forest in memory, changed in place.  Rows are dense float64 (n, n_features); classes are 0..n_classes-1."""

    def __init__(
        self, settings: Settings, n_classes: int, n_features: int, *, bucket: int = 144, reserve: int = 2
    ) -> None:
        """bucket: nodes of fewer rows keep no counts, they are counted when they are changed;  reserve: how many of a
        column's values can go, 0..13, before its candidates are scanned again.  Both change speed and memory alone.

        Raises BadSettings.
        """
        check_width(n_features, n_classes)
        self._bucket, self._reserve = bucket, reserve
        self._table: Table
        self._heap: NDArray[np.int32]
        self._numbers: NDArray[np.int64]
        self._roots: NDArray[np.int64]
        self._dirty: NDArray[np.uint8]
        self._tree_rows: int
        self._scratch: tuple[NDArray[Any], ...] | None
        self._trees: Trees | None
        self.settings, self.n_classes, self.n_features = settings, n_classes, n_features
        self._share = np.uint64(int(Fraction(settings.share) * 2**64) - 1)
        self._salts = _salts(settings.seed, settings.trees)
        self._no_rows = np.empty((0, n_features)), np.empty(0, np.int32)
        self._start(Table(self._no_rows[0], _NOTHING, self._no_rows[1]))

    def __len__(self) -> int:
        return self._table.n

    def apply(
        self,
        deleted_keys: ArrayLike = _NOTHING,
        added_keys: ArrayLike = _NOTHING,
        x: ArrayLike | None = None,
        y: ArrayLike | None = None,
        *,
        lazy: bool = False,
    ) -> None:
        """Forget one row for each deleted key (m,) uint64, then learn rows x (n, n_features) with labels y (n,).

        Equal keys must mean equal content; a row that is there twice is forgotten once for each time its key is
        given.  lazy puts off rebuilding until `flush`, or until the trees are asked for.
        Raises NotLearned and BadRows; then nothing has changed.
        """
        gone, keys = _keys(deleted_keys), _keys(added_keys)
        rows, labels = self._checked(keys, x, y)
        if self._table.n + len(keys) - len(gone) > MAX_ROWS:
            raise BadRows(f"a forest holds at most {MAX_ROWS} rows: use more shards")
        if not lazy:
            self.flush()
        slots = self._table.find(gone)
        try:
            added = self._enter(keys, rows, labels)
        except BadRows:
            self._table.keep(slots)
            raise
        if added is not None:
            self._trees = None
            self._numbers[at.N_LAZY] = lazy
            self._run(at.CHANGE, slots, added)
            self._table.remove(slots)

    def flush(self) -> None:
        """Rebuild all subtrees whose rebuilding was put off by lazy changes."""
        if self._dirty.any():
            self._trees = None
            self._run(at.FLUSH, _NO_SLOTS, _NO_SLOTS)

    def trees(self) -> Trees:
        """The canonical arrays of all trees, without rows, read-only; rebuilds what lazy changes put off."""
        self.flush()
        if self._trees is None:
            self._trees = publish(self._heap, self._roots, self._table, self.n_classes)
        return self._trees

    def predict(self, x: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (n, n_classes); uniform where no tree has rows.  Raises BadRows."""
        return predict(self.trees(), _dense(x, self.n_features))

    def rows(self) -> tuple[NDArray[np.uint64], NDArray[np.float64], NDArray[np.int32]]:
        """Keys (n,), x (n, n_features) and y (n,), by key: equal multisets give equal bytes."""
        table = self._table
        slots = table.slots()
        slots = slots[np.argsort(table.keys[slots], kind="stable")]
        return table.keys[slots], table.content(slots), table.labels[slots]

    def class_counts(self) -> NDArray[np.int64]:
        """Rows of each class, (n_classes,) int64."""
        return np.bincount(self._table.labels[self._table.slots()], minlength=self.n_classes)

    def copy(self) -> Forest:
        """An independent copy; memory that is not in use isn't copied."""
        twin = copy(self)
        twin._detach()  # noqa: SLF001
        return twin

    def nbytes(self) -> int:
        """Bytes of memory in use, rows and working space included."""
        work = sum(array.nbytes for array in self._scratch) if self._scratch else 0
        return 4 * int(self._numbers[at.N_TOP]) + self._table.nbytes() + work

    def _detach(self) -> None:
        top = int(self._numbers[at.N_TOP])
        heap = np.empty(len(self._heap), np.int32)
        heap[:top] = self._heap[:top]
        self._heap = heap
        self._numbers, self._roots, self._dirty = self._numbers.copy(), self._roots.copy(), self._dirty.copy()
        self._table = self._table.copy()
        self._scratch = None

    def _start(self, table: Table) -> None:
        """Grow all trees anew from the table's rows."""
        s = self.settings
        numbers = np.zeros(at.NUMBERS, np.int64)
        sketch = s.thresholds + 1 + self._reserve
        wanted = min(s.features, self.n_features)
        numbers[: at.N_LAZY] = (
            s.depth,
            s.thresholds,
            wanted,
            s.random_layers,
            s.min_leaf,
            self._bucket,
            self.n_classes,
            len(table.ids),
            table.bits.shape[1],
            0,
            sketch,
        )
        numbers[at.N_TOP] = 8
        self._numbers, self._table = numbers, table
        self._roots = np.zeros(s.trees, np.int64)
        self._dirty = np.zeros(s.trees, np.uint8)
        self._heap = np.zeros(64, np.int32)
        entry = at.SKETCH_HEADER + sketch * (2 + self.n_classes)
        self._image_size = at.IMAGE_HEADER + 4 * table.bits.shape[1] + 2 * len(table.ids) + wanted * entry + 64
        expected = table.n * s.share
        self._tree_rows = min(table.n, int(expected + 4 * expected**0.5))
        self._scratch = None
        self._trees = None
        self._run(at.GROW, _NO_SLOTS, table.slots())

    def _enter(
        self, keys: NDArray[np.uint64], x: NDArray[np.float64], y: NDArray[np.int32]
    ) -> NDArray[np.int32] | None:
        """The slots of new rows; None if the table had to be made anew, and all trees with it."""
        table = self._table
        if len(keys):
            coded = table.code(x)
            if coded is not None:
                return table.add(keys, y, coded)
        elif table.deleted <= 2 * table.n + 1000:  # else most values in the dictionaries may be of deleted rows
            return _NO_SLOTS
        self._start(self._recoded(keys, x, y))
        return None

    def _recoded(self, keys: NDArray[np.uint64], x: NDArray[np.float64], y: NDArray[np.int32]) -> Table:
        table = self._table
        slots = table.slots()
        slots = slots[table.gone[slots] == 0]
        return Table(
            np.concatenate([table.content(slots), x]),
            np.concatenate([table.keys[slots], keys]),
            np.concatenate([table.labels[slots], y]),
        )

    def _run(self, task: int, gone: NDArray[np.int32], added: NDArray[np.int32]) -> None:
        table, tree = self._table, 0
        moves = np.empty(len(gone), np.int32), np.empty(len(added), np.int32)
        while True:
            work = self._room()
            tree = run(
                task,
                tree,
                self._heap,
                self._numbers,
                self._roots,
                self._dirty,
                self._salts,
                table.keys,
                self._share,
                gone,
                len(gone),
                added,
                len(added),
                table.gone,
                table.bits,
                table.ids,
                table.labels,
                table.ranks,
                table.values.view(np.uint64),
                table.order,
                table.places,
                table.where,
                *moves,
                *work,
            )
            if tree == len(self._roots):
                return
            if self._numbers[at.N_NEED] + 8 > len(work[0]):
                self._tree_rows = int(self._numbers[at.N_NEED])
                self._scratch = None
            else:
                self._widen(tree if task == at.GROW else 0)

    def _widen(self, grown: int) -> None:
        """Enlarge the heap for one tree more at least, for all if some have grown; untouched pages cost no memory."""
        n, top = self._tree_rows, int(self._numbers[at.N_TOP])
        leaves = min(n + 1, 1 << self.settings.depth)
        tree = 2 * n + leaves * (64 + 4 * self.n_classes)
        caches = min(leaves, 1 + 4 * n // self._bucket) * self._image_size
        rest = int(1.1 * top / grown * (len(self._roots) - grown)) if grown else top // 2
        heap = np.empty(top + max(rest, 0) + 3 * tree + caches + 16384, np.int32)
        heap[:top] = self._heap[:top]
        self._heap = heap

    def _room(self) -> tuple[NDArray[Any], ...]:
        """The working arrays, long enough for the rows of the largest tree."""
        if self._scratch is None:
            words, s = self._table.bits.shape[1], self._numbers
            room = self._tree_rows + self._tree_rows // 32 + 64
            wanted, sketch = int(s[at.N_FEATURES]), int(s[at.N_SKETCH])
            tally = (self.n_classes + 1) * (room + at.FEW + sketch + 2) + 2 * wanted + 1024 + 64
            self._scratch = (
                np.empty(room, np.int32),
                np.empty(room, np.int32),
                np.empty(self._image_size, np.int32),
                np.empty((1 + words) * (room + 1) + 64, np.uint64),
                np.empty(tally, np.int64),
                np.empty((wanted + 1) * (sketch + 1), np.float64),
                np.empty((STACK_ROOM, 9), np.int64),
                np.empty(STACK_ROOM, np.uint64),
            )
        return self._scratch

    def _checked(
        self, keys: NDArray[np.uint64], x: ArrayLike | None, y: ArrayLike | None
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        if x is None and y is None and not len(keys):
            return self._no_rows
        rows = _dense(np.empty((0, self.n_features)) if x is None else x, self.n_features)
        labels = np.asarray([] if y is None else y)
        if labels.shape != (len(rows),) or len(keys) != len(rows):
            raise BadRows("keys, rows and labels differ in number")
        if len(labels) and (labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= self.n_classes):
            raise BadRows(f"labels must be whole numbers in 0..{self.n_classes - 1}")
        return rows, labels.astype(np.int32)


def _salts(seed: int, trees: int) -> NDArray[np.uint64]:
    """A 64-bit key for each tree: two rounds of a mixer over seed and number."""
    x = np.arange(1, trees + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for _ in range(2):
        x = (x ^ np.uint64(seed)) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(29)
    return x


def _keys(keys: ArrayLike) -> NDArray[np.uint64]:
    if keys is _NOTHING:
        return _NOTHING
    found = np.asarray(keys)
    if found.ndim != 1 or (found.dtype != np.uint64 and len(found)):
        raise BadRows("keys are a flat array of uint64")
    return np.ascontiguousarray(found, np.uint64)


def _dense(x: ArrayLike, n_features: int) -> NDArray[np.float64]:
    try:
        rows = np.ascontiguousarray(x, np.float64)
    except (TypeError, ValueError):
        raise BadRows("rows are not numbers") from None
    if rows.ndim != 2 or rows.shape[1] != n_features:
        raise BadRows(f"rows are not of shape (n, {n_features})")
    checked = np.empty_like(rows)
    if not normalise(rows.reshape(-1), checked.reshape(-1)):
        raise BadRows("a row holds NaN, infinity or a subnormal number")
    return checked

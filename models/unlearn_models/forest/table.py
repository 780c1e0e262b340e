"""The rows that a forest holds, coded; each in a slot of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.errors import BadRows, NotLearned
from unlearn_models.forest import coding

_CONFLICT = "two rows have the same key and another content"


class Table:
    """A forest's rows in slots: keys, labels (slots,), bits (slots, words), ids (numeric columns, slots).

    See `Columns` in forest/kernels/signatures.py.
    """

    def __init__(self, x: NDArray[np.float64], keys: NDArray[np.uint64], labels: NDArray[np.int32]) -> None:
        """Rows x (n, features) with keys (n,) uint64 and labels (n,) int32.

        Raises BadRows where equal keys have unequal rows.
        """
        n = len(keys)
        room = max(16, n + n // 8)
        self.n = self.used = n
        self.free: list[int] = []
        self.deleted = 0
        self.keys = np.zeros(room, np.uint64)
        self.labels = np.zeros(room, np.int32)
        self.gone = np.zeros(room, np.uint8)
        self.keys[:n], self.labels[:n] = keys, labels
        self._code(x, room)
        self._reindex(room)
        if coding.enter(np.arange(n, dtype=np.int32), *self._entry()) < n:
            raise BadRows(_CONFLICT)

    def _code(self, x: NDArray[np.float64], room: int) -> None:
        features = x.shape[1]
        self.low, self.high, many = np.empty(features), np.empty(features), np.empty(features, np.uint8)
        coding.survey(x, self.low, self.high, many)
        wide = many == 1
        self.where = np.where(wide, np.cumsum(wide) - 1, -np.cumsum(~wide)).astype(np.int32)
        self.low[wide], self.high[wide] = 0.0, np.nan
        self.bits = np.zeros((room, max(1, -(-int((~wide).sum()) // 64))), np.uint64)
        coding.set_bits(x, self.where, self.low, self.bits)
        numeric = [np.unique(x[:, f], return_inverse=True) for f in np.flatnonzero(wide)]
        self.ids = np.zeros((len(numeric), room), np.int32)
        sizes = np.array([len(values) for values, _ in numeric], np.int64)
        self.rooms = sizes + sizes // 8 + 16
        self.places = np.stack([np.cumsum(self.rooms) - self.rooms, sizes], axis=1).reshape(-1, 2)
        self.values = np.zeros(int(self.rooms.sum()) + 1)
        self.order = np.zeros(len(self.values), np.int32)
        self.ranks = np.zeros(len(self.values), np.int32)
        for c, (values, ids) in enumerate(numeric):
            start = self.places[c, 0]
            self.values[start : start + len(values)] = values
            self.order[start : start + len(values)] = np.arange(len(values))
            self.ranks[start : start + len(values)] = np.arange(len(values))
            self.ids[c, : self.n] = ids

    def content(self, slots: NDArray[np.int32]) -> NDArray[np.float64]:
        """The values of the rows in these slots, (len(slots), features) float64."""
        x = np.empty((len(slots), len(self.where)))
        for f, c in enumerate(self.where.tolist()):
            if c >= 0:
                x[:, f] = self.values[self.places[c, 0] + self.ids[c, slots]]
            else:
                above = (self.bits[slots, (-1 - c) >> 6] >> np.uint64((-1 - c) & 63)) & np.uint64(1)
                x[:, f] = np.where(above == 1, self.high[f], self.low[f])
        return x

    def slots(self) -> NDArray[np.int32]:
        """The slots that hold rows, ascending; those that `find` has marked are among them."""
        there = np.ones(self.used, np.bool_)
        there[self.free] = False
        return np.flatnonzero(there).astype(np.int32)

    def find(self, wanted: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Mark one row for each key as gone, and give their slots.  Raises NotLearned and changes nothing."""
        slots = np.empty(len(wanted), np.int32)
        if not len(wanted):
            return slots
        found = coding.mark(wanted, self.keys, self.index, self.gone, slots)
        if found < len(wanted):
            self.keep(slots[:found])
            raise NotLearned("a row to forget was never learned, or is already forgotten")
        return slots

    def keep(self, slots: NDArray[np.int32]) -> None:
        """Undo `find`: unmark these slots."""
        self.gone[slots] = 0

    def code(self, x: NDArray[np.float64]) -> tuple[NDArray[np.uint64], NDArray[np.int32]] | None:
        """The rows' bits (n, words) and ids (n, numeric columns); None if a column of bits would get a third value."""
        while True:
            bits = np.zeros((len(x), self.bits.shape[1]), np.uint64)
            ids = np.zeros((len(x), len(self.ids)), np.int32)
            answer = coding.code_rows(
                x,
                self.where,
                self.low,
                self.high,
                self.values,
                self.order,
                self.ranks,
                self.places,
                self.rooms,
                bits,
                ids,
            )
            if answer == coding.FITS:
                return bits, ids
            if answer == coding.NEW_SHAPE:
                return None
            self._widen(answer)

    def add(
        self,
        keys: NDArray[np.uint64],
        labels: NDArray[np.int32],
        coded: tuple[NDArray[np.uint64], NDArray[np.int32]],
    ) -> NDArray[np.int32]:
        """Store coded rows; returns their slots (n,).

        Raises BadRows where a key has another content; nothing has changed then.
        """
        n = len(keys)
        reused = self.free[len(self.free) - n :] if n <= len(self.free) else self.free
        fresh = n - len(reused)
        self._lengthen(self.used + fresh)
        slots = np.array([*reused, *range(self.used, self.used + fresh)], np.int32)
        self.keys[slots], self.labels[slots], self.bits[slots] = keys, labels, coded[0]
        self.ids[:, slots] = coded[1].T
        entered = coding.enter(slots, *self._entry())
        if entered < n:
            coding.leave(slots[:entered], self.keys, self.index)
            raise BadRows(_CONFLICT)
        self.free = self.free[: len(self.free) - len(reused)]
        self.used += fresh
        self.n += n
        return slots

    def remove(self, slots: NDArray[np.int32]) -> None:
        """Free the slots that `find` marked."""
        if not len(slots):
            return
        coding.leave(slots, self.keys, self.index)
        self.gone[slots] = 0
        self.free += slots.tolist()
        self.n -= len(slots)
        self.deleted += len(slots)

    def nbytes(self) -> int:
        """Bytes of all arrays and of the list of free slots."""
        return sum(array.nbytes for array in vars(self).values() if isinstance(array, np.ndarray)) + 8 * len(self.free)

    def copy(self) -> Table:
        """An independent copy."""
        twin = Table.__new__(Table)
        for name, value in vars(self).items():
            setattr(twin, name, value.copy() if isinstance(value, np.ndarray | list) else value)
        return twin

    def _entry(
        self,
    ) -> tuple[
        NDArray[np.uint64],
        NDArray[np.int32],
        NDArray[np.uint8],
        NDArray[np.int32],
        NDArray[np.uint64],
        NDArray[np.int32],
    ]:
        return self.keys, self.index, self.gone, self.labels, self.bits, self.ids

    def _reindex(self, room: int) -> None:
        self.index = np.zeros(1 << (2 * room - 1).bit_length(), np.int32)

    def _lengthen(self, used: int) -> None:
        room = len(self.keys)
        if used <= room:
            return
        more = used + used // 2 - room
        self.keys, self.labels = np.pad(self.keys, (0, more)), np.pad(self.labels, (0, more))
        self.gone = np.pad(self.gone, (0, more))
        self.bits = np.pad(self.bits, ((0, more), (0, 0)))
        self.ids = np.pad(self.ids, ((0, 0), (0, more)))
        self._reindex(room + more)
        # Rows marked as gone are entered too: they leave only when the change is done.
        coding.enter(self.slots(), *self._entry())

    def _widen(self, column: int) -> None:
        rooms = self.rooms.copy()
        rooms[column] *= 2
        starts = np.cumsum(rooms) - rooms
        values, order = np.zeros(int(rooms.sum()) + 1), np.zeros(int(rooms.sum()) + 1, np.int32)
        ranks = np.zeros_like(order)
        for c, (start, size) in enumerate(self.places.tolist()):
            values[starts[c] : starts[c] + size] = self.values[start : start + size]
            order[starts[c] : starts[c] + size] = self.order[start : start + size]
            ranks[starts[c] : starts[c] + size] = self.ranks[start : start + size]
        self.rooms, self.values, self.order, self.ranks = rooms, values, order, ranks
        self.places = np.ascontiguousarray(np.stack([starts, self.places[:, 1]], axis=1))

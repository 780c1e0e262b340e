"""Running sums over a list of whole numbers that grows at its end and changes inside: a Fenwick tree.

Fenwick, "A new data structure for cumulative frequency tables" (Software: Practice and Experience 24, 1994). A change
and a sum take log2(n) steps each.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["PrefixSums"]


class PrefixSums:
    """Sums of the first numbers of a list."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        # Place i holds the sum of the numbers in (i - lowest bit of i, i], counted from 1; place 0 isn't used.
        tree = self._tree = [0, *numbers]
        for at in range(1, len(tree)):
            above = at + (at & -at)
            if above < len(tree):
                tree[above] += tree[at]

    def append(self, number: int) -> None:
        """Add a number at the end of the list."""
        at = len(self._tree)
        low = at - (at & -at)
        below = at - 1
        while below > low:
            number += self._tree[below]
            below &= below - 1
        self._tree.append(number)

    def add(self, position: int, more: int) -> None:
        """Raise the number at the position, counted from 0, by `more`."""
        at = position + 1
        while at < len(self._tree):
            self._tree[at] += more
            at += at & -at

    def first(self, count: int) -> int:
        """The sum of the first `count` numbers."""
        total = 0
        while count:
            total += self._tree[count]
            count &= count - 1
        return total

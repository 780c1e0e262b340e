"""Sets of offsets as runs (first, last), both included; runs are in ascending order and never adjacent.

A long run costs as much as one offset. As text, a run is two numbers: the gap before it, and its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Runs", "count", "joined", "parted", "read_runs", "runs_of", "write_runs"]

Runs = Sequence[tuple[int, int]]


def runs_of(offsets: Iterable[int]) -> Runs:
    """The runs of these offsets, which may come in any order and more than once."""
    return joined([(offset, offset) for offset in offsets], ())


def joined(one: Runs, other: Runs) -> Runs:
    """The union of two sets, in any order of their runs."""
    found: list[tuple[int, int]] = []
    for first, last in sorted([*one, *other]):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def parted(runs: Runs, first: int, last: int) -> tuple[Runs, Runs]:
    """(the offsets within first..last, the others); where last < first, none are within."""
    if first > last:
        return (), runs
    within = [(max(a, first), min(b, last)) for a, b in runs if a <= last and b >= first]
    before = [(a, min(b, first - 1)) for a, b in runs if a < first]
    behind = [(max(a, last + 1), b) for a, b in runs if b > last]
    return within, before + behind


def count(runs: Runs) -> int:
    """How many offsets there are."""
    return sum(last - first + 1 for first, last in runs)


def write_runs(runs: Runs) -> str:
    """The runs as text: gap and length of each, separated by blanks."""
    steps, at = [], 0
    for first, last in runs:
        steps += [first - at, last - first + 1]
        at = last + 1
    return " ".join(map(str, steps))


def read_runs(text: str) -> Runs:
    """The runs in a text of `write_runs`. Raises ValueError where the text isn't of that form."""
    steps, at, found = [int(step) for step in text.split()], 0, []
    for gap, length in zip(steps[::2], steps[1::2], strict=True):
        found.append((at + gap, at + gap + length - 1))
        at += gap + length
    return found

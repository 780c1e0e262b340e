"""Runs of offsets that operators had stepped over, because nothing in them could be decoded. Pure.

Nothing in them is ever applied. They stand in `meta` and in manifests, so that whoever verifies leaves them out too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Runs", "gaps", "holds", "runs_of", "with_run"]

Runs = tuple[tuple[int, int], ...]
"""(start, stop) of each run [start, stop), in order."""


def runs_of(meta: Mapping[str, str]) -> Runs:
    """The runs that a partition's `meta` holds."""
    return tuple((start, stop) for start, stop in json.loads(meta.get("skipped", "[]")))


def with_run(runs: Runs, start: int, stop: int) -> str:
    """The text for `meta` of these runs and one more."""
    return json.dumps(sorted({*runs, (start, stop)}), separators=(",", ":"))


def holds(runs: Runs, offset: int) -> bool:
    """Whether the offset is in one of the runs."""
    return any(start <= offset < stop for start, stop in runs)


def gaps(runs: Iterable[tuple[int, int]], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The intervals that are left of [start, stop) without the runs, in order."""
    for first, last in sorted(runs):
        if start < min(first, stop):
            yield start, min(first, stop)
        start = max(start, last)
    if start < stop:
        yield start, stop

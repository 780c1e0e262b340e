"""Runs of offsets that an operator had stepped over, since nothing there could be decoded: pure.

Nothing in them is ever applied. They stand in `meta`, and in manifests, so that whoever checks leaves them out too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Runs", "gaps", "holds", "runs_of", "with_run"]

Runs = tuple[tuple[int, int], ...]
"""(start, stop) of each, in order."""


def runs_of(meta: Mapping[str, str]) -> Runs:
    """Those of a partition's `meta`."""
    return tuple((start, stop) for start, stop in json.loads(meta.get("skipped", "[]")))


def with_run(runs: Runs, start: int, stop: int) -> str:
    """As `meta` keeps them, with one more."""
    return json.dumps(sorted({*runs, (start, stop)}), separators=(",", ":"))


def holds(runs: Runs, offset: int) -> bool:
    return any(start <= offset < stop for start, stop in runs)


def gaps(runs: Iterable[tuple[int, int]], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """What is left of [start, stop) without the runs."""
    for first, last in sorted(runs):
        if start < min(first, stop):
            yield start, min(first, stop)
        start = max(start, last)
    if start < stop:
        yield start, stop

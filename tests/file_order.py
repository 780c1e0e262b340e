"""In which order files of tests are begun: those that wait for services beside those that compute.

Run by folders, the processes of a run would first wait, all of them, and then fight for the cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

__all__ = ["in_order"]

WAITING = {"faults", "integration"}
"""Folders whose tests wait for services most of their time."""


def in_order(items: Sequence[pytest.Item], root: Path) -> list[pytest.Item]:
    """The tests, files whole: both kinds spread over the run, each with its slow files first, so that none ends it."""
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    spread: list[tuple[float, list[pytest.Item]]] = []
    for waits in (True, False):
        kind = [tests for tests in files if (tests[0].path.relative_to(root).parts[0] in WAITING) == waits]
        kind.sort(key=lambda tests: not any(one.get_closest_marker("slow") for one in tests))
        spread += [((n + 0.5) / len(kind), tests) for n, tests in enumerate(kind)]
    return [item for _, tests in sorted(spread, key=lambda placed: placed[0]) for item in tests]

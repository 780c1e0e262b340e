"""All sides beside each other, and where others are ahead of ours."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from bench.figures import Table, percentile
from bench.forest.sides import Took

__all__ = ["losses", "table"]

_COLUMNS = ("build s", "delete mean ms", "median", "p99", "batch ms", "accuracy", "MiB")
_MORE_IS_BETTER = "accuracy"
_MISSING = "missing"


def table(took: Mapping[str, Sequence[Took]], mib: Mapping[str, float], batch: int) -> Table:
    """Medians of rounds; single deletions are taken over all rounds.  A side without rounds is missing."""
    title = f"a batch is of {batch:,}; without its rows: MiB of dare_rf"
    rows = []
    for name, rounds in took.items():
        found = _measured(rounds) | ({"MiB": mib[name]} if name in mib else {})
        rows.append((name, *(found.get(column, "" if rounds else _MISSING) for column in _COLUMNS)))
    return Table(title, ("side", *_COLUMNS), rows)


def losses(took: Mapping[str, Sequence[Took]], ours: Sequence[str]) -> list[str]:
    """A sentence for each side that is ahead of one of ours in something that was measured."""
    measured = {name: _measured(rounds) for name, rounds in took.items() if rounds}
    found = []
    for name in measured.keys() - set(ours):
        behind = {
            column: [one for one in ours if _ahead(column, measured[name][column], measured[one][column])]
            for column in measured[name]
        }
        told = "; ".join(f"{column}, of {' and '.join(names)}" for column, names in behind.items() if names)
        found.append(f"{name} is ahead in " + (told or "nothing"))
    return sorted(found)


def _ahead(column: str, theirs: float, ours: float) -> bool:
    return theirs > ours if column == _MORE_IS_BETTER else theirs < ours


def _measured(rounds: Sequence[Took]) -> dict[str, float]:
    if not rounds:
        return {}
    single = [1e3 * each for one in rounds for each in one.single]
    return {
        "build s": statistics.median(one.build for one in rounds),
        "delete mean ms": statistics.fmean(single),
        "median": statistics.median(single),
        "p99": percentile(single, 0.99),
        "batch ms": 1e3 * statistics.median(one.batch for one in rounds),
        "accuracy": statistics.median(one.right for one in rounds),
    }

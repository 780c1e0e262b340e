"""The parts of results.json that the tables and plots need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "Figures",
    "batches",
    "compared",
    "deletion",
    "family",
    "measured",
    "of_method",
    "refit_s",
    "setting",
    "title",
    "who",
]

Figures = Mapping[str, Any]

_FAMILIES = {"naive-bayes": "naive Bayes", "linear": "linear"}
_TITLES = {"naive": "refit", "sisa": "SISA", "forest": "forest", "pu": "PU"}


def measured(results: Figures) -> list[Figures]:
    """The cells that were measured: all but those whose method could not take the data."""
    return [cell for cell in results["cells"] if "refused" not in cell]


def of_method(results: Figures, method: str) -> list[Figures]:
    """The measured cells of this method."""
    return [cell for cell in measured(results) if cell["method"] == method]


def title(cell: Figures) -> str:
    """The method's name for people."""
    return _TITLES[cell["method"]]


def family(cell: Figures) -> str:
    """The learner's name for people; of a forest the share of rows that each tree sees, q1 or q.1."""
    name = str(cell["learner"])
    if name.startswith("pu-"):
        return _FAMILIES[name.removeprefix("pu-")]
    return _FAMILIES.get(name, "q1" if name == "forest" else "q.1")


def setting(cell: Figures) -> str:
    """Numbers of shards (S) and slices (R), where they change something; else an empty text."""
    if cell["method"] not in ("sisa", "pu"):
        return ""
    return f"S{cell['shards']}" + ("" if cell["learner"].endswith("naive-bayes") else f" R{cell['slices']}")


def batches(cells: Sequence[Figures]) -> list[int]:
    """All sizes of batches that were deleted, ascending."""
    return sorted({one["count"] for cell in cells for one in cell["deletions"]})


def deletion(cell: Figures, count: int) -> Figures | None:
    """The cell's figures for batches of `count` deletions; None if there are none."""
    return next((one for one in _deletions(cell) if one["count"] == count), None)


def refit_s(cell: Figures) -> float:
    """The cost of naive retraining beside this cell, in seconds: the median of the medians of all sizes of batches."""
    found = sorted(one["naive_s"]["median"] for one in _deletions(cell))
    return float(found[len(found) // 2])


def who(cell: Figures) -> str:
    """Method, learner and setting in one short name."""
    return " ".join(part for part in (title(cell), family(cell), setting(cell)) if part)


def compared(cell: Figures) -> list[Figures]:
    """The figures of all kinds of batches, after each of which the cell was compared with a retrained model."""
    return [*cell["deletions"], cell["recent"]]


def _deletions(cell: Figures) -> Iterator[Figures]:
    return iter(cell["deletions"])

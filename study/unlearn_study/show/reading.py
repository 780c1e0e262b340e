"""Results as the tables and plots ask for them."""

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
    """The cells that were not refused."""
    return [cell for cell in results["cells"] if "refused" not in cell]


def of_method(results: Figures, method: str) -> list[Figures]:
    return [cell for cell in measured(results) if cell["method"] == method]


def title(cell: Figures) -> str:
    return _TITLES[cell["method"]]


def family(cell: Figures) -> str:
    """The learner for people."""
    name = str(cell["learner"])
    if name.startswith("pu-"):
        return _FAMILIES[name.removeprefix("pu-")]
    return _FAMILIES.get(name, "q1" if name == "forest" else "q.1")


def setting(cell: Figures) -> str:
    """Shards and slices, where they change something."""
    if cell["method"] not in ("sisa", "pu"):
        return ""
    return f"S{cell['shards']}" + ("" if cell["learner"].endswith("naive-bayes") else f" R{cell['slices']}")


def batches(cells: Sequence[Figures]) -> list[int]:
    """All sizes of batches, ascending."""
    return sorted({one["count"] for cell in cells for one in cell["deletions"]})


def deletion(cell: Figures, count: int) -> Figures | None:
    return next((one for one in _deletions(cell) if one["count"] == count), None)


def refit_s(cell: Figures) -> float:
    """Naive retraining beside this cell: the median over all batches' medians, in seconds."""
    found = sorted(one["naive_s"]["median"] for one in _deletions(cell))
    return float(found[len(found) // 2])


def who(cell: Figures) -> str:
    """Method, learner and setting in one, short."""
    return " ".join(part for part in (title(cell), family(cell), setting(cell)) if part)


def compared(cell: Figures) -> list[Figures]:
    """All batches after which the cell was compared with a retrained model."""
    return [*cell["deletions"], cell["recent"]]


def _deletions(cell: Figures) -> Iterator[Figures]:
    return iter(cell["deletions"])

"""The cells of the study: one method with one setting each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["FORESTS", "METHODS", "Cell", "grid"]

METHODS = ("naive", "sisa", "forest", "pu")
_FORGETS, _FOLDS = "naive-bayes", "linear"
FORESTS = {"forest": 1.0, "forest-q.1": 0.1}
"""Variants of the forest, and the share of rows that each tree sees."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A method with one setting: a learner's id (or a key of FORESTS), and S shards of R slices for `sisa` and `pu`."""

    method: str
    learner: str
    shards: int = 1
    slices: int = 1

    @property
    def name(self) -> str:
        """The cell's name, which is also that of its file."""
        cut = f"-s{self.shards}-r{self.slices}" if self.method in ("sisa", "pu") else ""
        return f"{self.method}-{self.learner}{cut}"

    def as_json(self) -> dict[str, Any]:
        """The cell's name and fields, as results.json has them."""
        return {"name": self.name, **asdict(self)}


def grid(methods: Sequence[str], shards: Sequence[int], slices: Sequence[int]) -> list[Cell]:
    """The cells of these methods, naive first.

    Numbers of slices are varied for the linear learner alone: one that forgets keeps no checkpoints.
    """
    cells = {
        "naive": [Cell("naive", learner) for learner in (_FORGETS, _FOLDS)],
        "sisa": [
            *(Cell("sisa", _FORGETS, s, 1) for s in shards),
            *(Cell("sisa", _FOLDS, s, r) for s in shards for r in slices),
        ],
        "forest": [Cell("forest", learner) for learner in FORESTS],
        "pu": [Cell("pu", f"pu-{_FORGETS}", min(shards), 1), Cell("pu", f"pu-{_FOLDS}", min(shards), max(slices))],
    }
    return [cell for method in METHODS if method in methods for cell in cells[method]]

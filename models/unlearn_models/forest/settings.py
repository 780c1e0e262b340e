"""The settings that a forest depends on beside its rows."""

from __future__ import annotations

from dataclasses import dataclass

from unlearn_models.base.errors import BadSettings

MAX_FEATURES = 1024
_WIDE = (
    "a forest takes at most 1,024 features: trees over thousands of sparse columns are slow and no better than a "
    "linear model, so fold the columns by a fixed hash to 1,024 or fewer, or take another learner"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """trees 1..10000;  depth 0..30;  thresholds: candidate thresholds of a column at a node, 1..50;  features: columns
    sampled at a node, 1..1024;  share: of the rows that each tree sees, 0 < share <= 1;  random_layers: so many top
    layers split at random, 0..depth;  min_leaf: least rows on each side of a split, 1..2**20;  0 <= seed < 2**63.
    Raises BadSettings.
    """

    trees: int = 100
    depth: int = 10
    thresholds: int = 25
    features: int = 9
    share: float = 1.0
    random_layers: int = 0
    min_leaf: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        _between("trees", self.trees, 1, 10_000)
        _between("depth", self.depth, 0, 30)
        _between("thresholds", self.thresholds, 1, 50)
        _between("features", self.features, 1, MAX_FEATURES)
        _between("random_layers", self.random_layers, 0, self.depth)
        _between("min_leaf", self.min_leaf, 1, 2**20)
        _between("seed", self.seed, 0, 2**63 - 1)
        if not 0 < self.share <= 1:
            raise BadSettings("share must be above 0 and at most 1")


def check_width(n_features: int, n_classes: int) -> None:
    """Raises BadSettings unless 1 <= n_features <= 1024 and 2 <= n_classes <= 256."""
    if n_features > MAX_FEATURES:
        raise BadSettings(_WIDE)
    _between("the number of features", n_features, 1, MAX_FEATURES)
    _between("the number of classes", n_classes, 2, 256)


def _between(name: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise BadSettings(f"{name} must be a whole number in {low}..{high}")

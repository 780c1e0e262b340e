"""What a forest depends on beside its rows."""

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
    """trees 1..10000;  depth 0..30;  thresholds: candidates a column, 1..50;  features: columns a node looks at;
    share: of the rows that each tree sees, 0 < share <= 1;  random_layers: layers that split at random;
    min_leaf: rows on each side of a split;  0 <= seed < 2**63.  Raises BadSettings.
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
    """Raises BadSettings for a shape that no forest has."""
    if n_features > MAX_FEATURES:
        raise BadSettings(_WIDE)
    _between("the number of features", n_features, 1, MAX_FEATURES)
    _between("the number of classes", n_classes, 2, 256)


def _between(name: str, value: int, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise BadSettings(f"{name} must be a whole number in {low}..{high}")

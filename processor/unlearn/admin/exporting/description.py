"""What every export says of itself: which version it is of, until when it may be used, what it doesn't carry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from unlearn.admin.exporting.format import Format
from unlearn_models.base.aggregate import Aggregate
from unlearn_models.text.letters import UNICODE

__all__ = ["DESCRIPTION", "TOLERANCE", "Description", "flat", "scores_of"]

DESCRIPTION: Final = "export.json"
TOLERANCE: Final = 1e-9
"""How far a probability may be from the ensemble's. Sums are added in another order, and exp is another one."""
_TEXT: Final = (
    "a text's tokens are the runs of two or more word characters of the lower-cased text, by the letters of Unicode "
    f"{UNICODE}; a token's feature is the absolute value of MurmurHash3_x86_32 of its UTF-8, seed 0, as a signed "
    "number, modulo the number of features; a feature's value is how many tokens have it"
)
_USE_UNTIL: Final = (
    "no deletion reaches a copy; what was exported before a deletion is hidden must be thrown away once it is, and at "
    "this time at the latest"
)
_SUM = (
    "z[k] = bias[k] + the sum over a text's features of x * weights[row, k], where row is the feature's place in "
    "features, or the last row for every other feature"
)
_VALUES = {
    "counts": "x is the feature's value",
    "damped": "x is the signed square root of the feature's value, times 8 over the Euclidean length of all the text's "
    "roots where that is above 8",
}
_LINKS = {
    "softmax": "the probabilities are exp(z) over their sum",
    "sigmoid": "s = 1 / (1 + exp(-z)) is the second class's probability where there is one k; with more, each s is "
    "divided by their sum",
}


def scores_of(model: Aggregate) -> str:
    """A sentence: how counts become probabilities."""
    return f"{_SUM}; {_VALUES[model.values]}; {_LINKS[model.link]}"


class Description(BaseModel):
    """The file `export.json` of an export, and the metadata in its other files."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    export: Literal[1] = 1
    to: Format
    model: str
    identity: str = Field(description="sha256 of the model's identity, as its manifests bear it")
    learner: str
    classes: tuple[str, ...]
    features: int
    version: int = Field(description="of the ensemble: the results offset of its newest manifest")
    versions: Mapping[str, int] = Field(description="partition -> the version of it that is in the export")
    left_out: tuple[int, ...] = Field(description="partitions that have no part in it")
    content: str = Field(description="digest of the states that it was made of")
    exported_at: str
    use_until: str
    use_until_means: str = _USE_UNTIL
    values: Literal["counts", "damped"]
    link: Literal["softmax", "sigmoid"]
    scores: str
    text: str = _TEXT
    tolerance: float = TOLERANCE
    files: Mapping[str, str] = Field(default={}, description="name -> sha256 of the other files")


def flat(description: Description) -> dict[str, str]:
    """The description as texts by name, for formats whose metadata are texts."""
    found = description.model_dump(mode="json", exclude={"files"})
    return {f"unlearn.{name}": value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}

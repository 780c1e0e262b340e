"""What a request asks to score: texts, or rows of features as inserts have them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from unlearn.errors import InputInvalid
from unlearn.events.event import Dense, Sparse
from unlearn.scoring.inputs import Input, to_rows
from unlearn_models.base.learner import Learner
from unlearn_models.base.rows import Rows

__all__ = ["Asked", "limited", "read_scores", "rows_of_features"]

Asked = list[str] | Rows
"""Texts, or rows of features."""


class _Scores(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    texts: list[str] | None = None
    features: list[Dense | Sparse] | None = None


def read_scores(body: bytes, learner: Learner, most: int) -> Asked:
    """What a body `{"texts": [...]}` or `{"features": [...]}` asks, at most so many. Raises InputInvalid."""
    try:
        said = _Scores.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"][:2]))
        raise InputInvalid(f"{where}: {first['msg']}" if where else first["msg"]) from None
    if (said.texts is None) == (said.features is None):
        raise InputInvalid('give one of "texts" and "features"')
    if said.texts is not None:
        limited(len(said.texts), most)
        return said.texts
    limited(len(said.features or ()), most)
    return rows_of_features(said.features or [], learner)


def limited(count: int, most: int) -> None:
    """Raises InputInvalid unless a request may have so many inputs."""
    if not 1 <= count <= most:
        raise InputInvalid(f"{count} inputs; a request has 1 to {most}")


def rows_of_features(features: list[Dense | Sparse], learner: Learner) -> Rows:
    """The rows of these features. Raises InputInvalid where an index is beyond the model's."""
    for number, one in enumerate(features):
        if max(one, default=-1) >= learner.n_features if isinstance(one, dict) else len(one) > learner.n_features:
            raise InputInvalid(f"features.{number}: the model has {learner.n_features}")
    return to_rows([Input.model_construct(features=one) for one in features], learner.classes, learner.n_features)

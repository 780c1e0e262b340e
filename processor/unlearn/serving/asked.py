"""What a request asks to score: texts, or rows of features as inserts have them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from unlearn.errors import InputInvalid
from unlearn.events.event import Dense, Sparse
from unlearn.scoring.inputs import Input, to_rows
from unlearn.validation_errors import first_error
from unlearn_models.base.learner import Learner
from unlearn_models.base.rows import Rows

__all__ = ["Asked", "Scores", "limited", "read_scores", "rows_of_features"]

Asked = list[str] | Rows
"""Texts, or rows of features."""


def _form(features: object) -> str | None:
    return "object" if isinstance(features, dict) else "list" if isinstance(features, list | tuple) else None


# Told apart by their form, so that what is wrong with an object isn't that it is no list.
_Features = Annotated[
    Annotated[Dense, Tag("list")] | Annotated[Sparse, Tag("object")],
    Discriminator(
        _form,
        custom_error_type="features",
        custom_error_message="Input should be a list of values, or an object of values by index",
    ),
]


class Scores(BaseModel):
    """A request in the plain form."""

    # Nothing collects an error for each element: in a body as long as it may be, that would take a minute.
    model_config = ConfigDict(frozen=True, strict=True, extra="allow", hide_input_in_errors=True)

    texts: Annotated[list[str], Field(fail_fast=True)] | None = None
    features: Annotated[list[_Features], Field(fail_fast=True)] | None = None


def read_scores(body: bytes, learner: Learner, most: int) -> Asked:
    """What a body `{"texts": [...]}` or `{"features": [...]}` asks, at most so many. Raises InputInvalid."""
    try:
        said = Scores.model_validate_json(body)
    except ValidationError as error:
        raise InputInvalid(first_error(error, 2)) from None
    if said.model_extra:
        raise InputInvalid(f'{next(iter(said.model_extra))[:64]!r} is not known: give "texts" or "features"')
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

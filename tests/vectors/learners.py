"""States of each learner with their digests, and what several of them together say of texts and of features."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tests.vectors.models import SHARDS, SmallModel, model_of
from tests.vectors.texts import counted
from unlearn_models import Rows, State, digest, encode_state

__all__ = ["lines"]

_FOREST: Mapping[str, Any] = {"trees": 3, "depth": 4, "seed": 5}
_THREE = ("ham", "spam", "else")
_OF_THREE = (*SHARDS, (("none of both", 2), ("something else", 2)))
_ODD = ("h\u00e4m", 'sp"am\\', "\U0001f4a9")
"""Names of classes that JSON writes in several ways, one of which the settings' hash is of."""
_ASKED = (
    "win a free prize",
    "lunch with you at noon",
    "nothing known here",
    "",
    "\u0130 \u03a3\u0391\u03a3 prize\0prize",
)
_FEATURES: Sequence[Sequence[tuple[int, float]]] = (
    [],
    [(0, 1.0), (5, 2.5), (1023, 1e-3)],
    [(390, -4.0)],
    [(390, 1e6), (747, -9.0)],
)


def _models() -> Iterator[tuple[str, SmallModel, list[State]]]:
    def of(what: str, model: SmallModel, shards: Sequence[Sequence[tuple[str, int]]] = SHARDS) -> Any:
        return what, model, [model.state(rows) for rows in shards]

    yield of("naive Bayes", model_of("naive-bayes"))
    yield of("naive Bayes without any row", model_of("naive-bayes"), [()])
    yield of("naive Bayes, a class without rows", model_of("naive-bayes"), [SHARDS[2]])
    yield of("naive Bayes, three classes", model_of("naive-bayes", _ODD, learner_options={"alpha": 1e-6}), _OF_THREE)
    yield of("complement naive Bayes", model_of("complement-naive-bayes", _THREE), _OF_THREE)
    norm = model_of("complement-naive-bayes", _THREE, learner_options={"norm": True})
    yield of("complement naive Bayes, weights divided by their sum", norm, _OF_THREE)
    yield of("linear", model_of("linear"))
    yield of("linear without any row", model_of("linear"), [()])
    yield of("linear, twelve shards", model_of("linear"), [SHARDS[at % 3][at % 2 :] or SHARDS[0] for at in range(12)])
    far: list[State] = [
        {**state, "weights": state["weights"] * 1000} for state in map(model_of("linear").state, SHARDS)
    ]
    yield "linear, scores far from 0", model_of("linear"), far
    yield of("linear, rarity .5", model_of("linear", learner_options={"rarity": 0.5}))
    yield of(
        "linear, three classes, rarity .25", model_of("linear", _THREE, learner_options={"rarity": 0.25}), _OF_THREE
    )
    yield of("forest", model_of("forest", features=64, learner_options=_FOREST))
    yield of("forest without any row", model_of("forest", features=64, learner_options=_FOREST), [()])
    yield of("forest, three classes", model_of("forest", _ODD, features=64, learner_options=_FOREST), _OF_THREE)
    yield of("positive and unlabelled, naive Bayes", model_of("pu-naive-bayes"), _of_positives())
    yield of("positive and unlabelled, linear", model_of("pu-linear"), _of_positives())


def _of_positives() -> list[list[tuple[str, int]]]:
    """Rows without a label in place of those of the first class; enough that some are held out."""
    unlabelled = [[(text, label or -1) for text, label in rows] for rows in SHARDS[:2]]
    return [rows + [(f"prize {number}", 1) for number in range(8)] for rows in unlabelled]


def lines() -> Iterator[dict[str, Any]]:
    """A line a model."""
    for what, model, states in _models():
        learner, ensemble = model.learner, model.learner.ensemble(states)
        asked: list[dict[str, Any]] = [{"text": text, "counts": counted(text, learner.n_features)} for text in _ASKED]
        asked += [{"counts": [list(cell) for cell in row]} for row in _FEATURES if _fits(row, learner.n_features)]
        for one in asked:
            one["scores"] = ensemble.scores(_row(one["counts"]))[0].tolist()
        yield {
            "what": what,
            "made": model.made,
            "empty": digest(learner, learner.empty()),
            "states": [_state(model, state) for state in states],
            "asked": asked,
        }


def _state(model: SmallModel, state: State) -> dict[str, str]:
    data = encode_state(model.learner, state)
    return {"digest": digest(model.learner, state), "base64": base64.b64encode(data).decode()}


def _fits(row: Sequence[tuple[int, float]], features: int) -> bool:
    return all(index < features for index, _ in row)


def _row(cells: Sequence[Sequence[float]]) -> Rows:
    indices = np.array([cell[0] for cell in cells], np.int32)
    values = np.array([cell[1] for cell in cells], np.float64)
    return Rows(np.full(1, -1, np.int32), np.array([0, len(cells)]), indices, values)

"""Loads the export beside this file as a scikit-learn pipeline: texts in, probabilities out.

    from load import load
    pipeline = load()
    pipeline.predict_proba(["win cash now"])

It needs numpy, scipy and scikit-learn, and nothing else: no code is unpickled. For counts instead of texts leave the
first step out: `pipeline[1:]`. Counts of texts are the model's own where Python knows the Unicode version that
`export.json` names (3.11 knows 14.0.0); by other ones few letters are read otherwise.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

LONGEST = 8.0


def load(folder: Path | str = Path(__file__).parent) -> Pipeline:
    """The pipeline of an export.

    Raises ValueError from its `use_until` on, and where a file isn't what `export.json` says.
    """
    about = json.loads(Path(folder, "export.json").read_text(encoding="utf-8"))
    if datetime.now(UTC) >= datetime.fromisoformat(about["use_until"]):
        raise ValueError(f"not to be used from {about['use_until']} on: {about['use_until_means']}")
    path = Path(folder, "weights.npz")
    if hashlib.sha256(path.read_bytes()).hexdigest() != about["files"][path.name]:
        raise ValueError(f"{path.name} is not the file that was exported")
    with np.load(path, allow_pickle=False) as arrays:
        weights = np.tile(arrays["weights"][-1], (about["features"], 1))
        weights[arrays["features"]] = arrays["weights"][:-1]
        bias = arrays["bias"]
    texts = HashingVectorizer(n_features=about["features"], alternate_sign=False, norm=None)
    if about["link"] == "softmax":
        return make_pipeline(texts, naive_bayes(about["classes"], weights, bias))
    return make_pipeline(
        texts, FunctionTransformer(damped, accept_sparse=True), linear(about["classes"], weights, bias)
    )


def naive_bayes(classes: list[str], weights: Any, bias: Any) -> MultinomialNB:
    """It adds a feature's count times its weight to the bias, as complement naive Bayes does too."""
    model = MultinomialNB()
    model.classes_, model.n_features_in_ = np.array(classes), len(weights)
    model.feature_log_prob_, model.class_log_prior_ = np.ascontiguousarray(weights.T), bias
    return model


def linear(classes: list[str], weights: Any, bias: Any) -> SGDClassifier:
    """One vector for two classes; for more one each, whose sigmoids are divided by their sum."""
    model = SGDClassifier(loss="log_loss")
    model.classes_, model.n_features_in_ = np.array(classes), len(weights)
    model.coef_, model.intercept_ = np.ascontiguousarray(weights.T), bias
    return model


def damped(counts: Any) -> Any:
    """The signed square roots of the counts, each row's no longer than 8."""
    rows = counts.tocsr().astype(np.float64)
    length = np.sqrt(np.asarray(abs(rows).sum(axis=1)).ravel())
    rows.data = np.sign(rows.data) * np.sqrt(np.abs(rows.data))
    scale = np.where(length > LONGEST, LONGEST / np.maximum(length, LONGEST), 1.0)
    rows.data *= np.repeat(scale, np.diff(rows.indptr))
    return rows

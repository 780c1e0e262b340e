"""Texts to counts, beside scikit-learn's HashingVectorizer in batch; the same for all of Unicode."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

from bench.clock import interleaved
from bench.figures import Figure, Report
from bench.learners.data import FEATURES, tweet_texts
from bench.machine import pin
from unlearn_models import hash_texts
from unlearn_models.text.letters import UNICODE

__all__ = ["phases", "run"]

_PEER = HashingVectorizer(n_features=FEATURES, alternate_sign=False, norm=None)


def phases(quick: bool) -> int:
    return 3


def run(config: Path | None, quick: bool, tick: Callable[[str], None]) -> Report:
    pin()
    tick("texts")
    texts, _ = tweet_texts(5000 if quick else 100_000)
    tick("in batch")
    calls = {"ours": lambda: hash_texts(texts, FEATURES), "peer": lambda: _PEER.transform(texts)}
    found = interleaved(calls, 5)
    each = {side: [value / len(texts) for value in values] for side, values in found.items()}
    tick("all of Unicode")
    probes = _probes(0x3000 if quick else sys.maxunicode + 1)
    figures = [Figure.cheaper("text.hash", "s", each["ours"], each["peer"], 6.0)]
    notes = [f"{len(texts):,} generated tweets; one core, CPU seconds; {len(probes):,} probes of every character"]
    if unicodedata.unidata_version == UNICODE:
        figures.append(Figure("text.unicode_differs", float(_differ(probes)), "texts", goal=0.0))
    else:
        notes.append(f"text.unicode_differs left out: this Python, and so the peer, doesn't know Unicode {UNICODE}")
    return Report("text", notes, figures)


def _probes(stop: int) -> list[str]:
    """Every character (surrogates apart: no UTF-8) within a word, before and behind one, doubled and alone."""
    characters = [chr(code) for code in range(stop) if not 0xD800 <= code < 0xE000]
    return [f"ab{c}cd {c}ef gh{c} {c}{c} {c} A{c}B{c}" for c in characters]


def _differ(texts: Sequence[str]) -> int:
    wrong = 0
    for start in range(0, len(texts), 50_000):
        part = texts[start : start + 50_000]
        indptr, indices, values = hash_texts(part, FEATURES)
        theirs = _PEER.transform(part)
        theirs.sort_indices()
        pairs = (indptr, theirs.indptr), (indices, theirs.indices), (values, theirs.data)
        wrong += 0 if all(np.array_equal(ours, peer) for ours, peer in pairs) else len(part)
    return wrong

"""Texts to hashed counts, as scikit-learn's HashingVectorizer(alternate_sign=False, norm=None) gives them.

Tokens are the lower-cased text's runs of two or more word characters; a token's feature is |murmur3_32|
modulo the number of features.  What lower case and word are is Python's to say: a table holds its answer for
each character, and a text whose lower case isn't that of its characters one by one is first reduced to its
tokens by Python's own `lower` and `re`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.columns import MAX_FEATURES
from models.errors import BadSettings
from models.text_kernel import APART, HARD, count_tokens, murmur3_32

_TOKEN = re.compile(r"\b\w\w+\b")
_PLANES = 0x20000  # the table's end: rarer characters are left to Python
_SIGMA = 0x3A3  # its lower case depends on its neighbours


def hash_texts(
    texts: Sequence[str], n_features: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """CSR counts of the texts: indptr (n+1,), indices (nnz,) ascending within a text, values (nnz,) whole.

    Raises BadSettings unless 1 <= n_features < 2**31.
    """
    if not 1 <= n_features <= MAX_FEATURES:
        raise BadSettings(f"the number of features must lie in 1..{MAX_FEATURES}")
    hard = np.zeros(len(texts), np.bool_)
    counts = _count(texts, n_features, False, hard)
    if hard.any():
        plain = [_tokens(text) if rare else text for text, rare in zip(texts, hard, strict=True)]
        counts = _count(plain, n_features, True, hard)
    return counts


def murmur3(data: bytes, seed: int = 0) -> int:
    """MurmurHash3_x86_32 of the bytes (Austin Appleby, public domain), as an unsigned number."""
    return int(murmur3_32(np.frombuffer(data, np.uint8), seed))


def _count(
    texts: Sequence[str], n_features: int, trusted: bool, hard: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    joined = "".join(texts)
    data = np.frombuffer(joined.encode("utf-8", "surrogatepass"), np.uint8)
    letters = _letters(128 if joined.isascii() else _PLANES)
    ends = np.cumsum(np.array(_sizes(texts, joined.isascii()), np.int64))
    # A token takes two bytes and something between it and the next one.
    room = (len(data) + len(texts)) // 3 + 1
    indptr = np.zeros(len(texts) + 1, np.int64)
    indices, values = np.empty(room, np.int32), np.empty(room, np.float64)
    count_tokens(data, ends, letters, n_features, trusted, indptr, indices, values, hard)
    used = indptr[-1]
    return indptr, indices[:used].copy(), values[:used].copy()


def _sizes(texts: Sequence[str], ascii_only: bool) -> list[int]:
    if ascii_only:
        return list(map(len, texts))
    return [len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts]


def _tokens(text: str) -> str:
    return " ".join(_TOKEN.findall(text.lower()))


@cache
def _letters(size: int) -> NDArray[np.int32]:
    """Of each character its lower case, or APART or HARD."""
    return np.array([_letter(code) for code in range(size)], np.int32)


def _letter(code: int) -> int:
    lower = chr(code).lower()
    if len(lower) != 1 or code == _SIGMA:
        return HARD
    return ord(lower) if lower.isalnum() or lower == "_" else APART

"""Texts to hashed counts, as scikit-learn's HashingVectorizer(alternate_sign=False, norm=None) gives them.

Tokens are the lower-cased text's runs of two or more word characters; a token's feature is |murmur3_32|
modulo the number of features.  What lower case and word are is said by our own table of one Unicode version
(models/unlearn_models/text/letters.py), not by the running Python: a text has the same counts under each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unlearn_models.base.columns import MAX_FEATURES
from unlearn_models.base.errors import BadSettings
from unlearn_models.text.kernels import count_tokens, murmur3_32
from unlearn_models.text.letters import letters


def hash_texts(
    texts: Sequence[str], n_features: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """CSR counts of the n texts' tokens: indptr (n+1,) int64, indices (nnz,) int32 ascending within a text, values
    (nnz,) float64, whole numbers.

    Raises BadSettings unless 1 <= n_features < 2**31.
    """
    joined = "".join(texts)
    data = np.frombuffer(joined.encode("utf-8", "surrogatepass"), np.uint8)
    spans = np.zeros((len(texts), 2), np.int64)
    np.cumsum(np.array(_sizes(texts, joined.isascii()), np.int64), out=spans[:, 1])
    spans[1:, 0] = spans[:-1, 1]
    return hash_utf8(data, spans, n_features)


def hash_utf8(
    data: NDArray[np.uint8], texts: NDArray[np.int64], n_features: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """As `hash_texts`, of texts in UTF-8: spans (start, stop) of `data`, texts (n, 2)."""
    if not 1 <= n_features <= MAX_FEATURES:
        raise BadSettings(f"the number of features must lie in 1..{MAX_FEATURES}")
    # A token takes two bytes and something between it and the next one.
    room = (int((texts[:, 1] - texts[:, 0]).sum()) + len(texts)) // 3 + 1
    indptr = np.zeros(len(texts) + 1, np.int64)
    indices, values = np.empty(room, np.int32), np.empty(room, np.float64)
    count_tokens(data, texts, *letters(), n_features, indptr, indices, values)
    for array in (indices, values):
        array.resize(indptr[-1], refcheck=False)
    return indptr, indices, values


def murmur3(data: bytes, seed: int = 0) -> int:
    """MurmurHash3_x86_32 of the bytes (Austin Appleby, public domain), as an unsigned number."""
    return int(murmur3_32(np.frombuffer(data, np.uint8), seed))


def _sizes(texts: Sequence[str], ascii_only: bool) -> list[int]:
    if ascii_only:
        return list(map(len, texts))
    return [len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass")) for text in texts]

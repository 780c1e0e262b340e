"""hash_texts equals scikit-learn's HashingVectorizer on any text of characters that this Python knows alike."""

from __future__ import annotations

from functools import cache

from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from tests.unit.models.agreed import agreed
from unlearn_models import hash_texts

ODD = "ΣσςİıſKÅßŉǰΐﬁẞĲ_\u0301\u0307\u200d\u00ad\ufe0f👍🏽𝕏𝟘𐐀𐐨𞤀𠀀𪛖٣३Ⅷ①²ªaZ9 \t\n\0\u2028'-"  # noqa: RUF001
characters = st.characters(exclude_categories=["Cs"])
texts = st.lists(
    st.one_of(
        st.text(st.characters(max_codepoint=127)),
        st.text(characters),
        st.text(st.sampled_from(ODD)),
        st.text(st.sampled_from("İΣςſaB_ 𠀀")),  # noqa: RUF001
        st.text(st.one_of(characters, st.sampled_from(ODD + "abcABC   ")), max_size=200),
    ),
    min_size=1,  # scikit-learn raises on no texts at all
    max_size=8,
)


@cache
def known() -> frozenset[str]:
    return frozenset(agreed())


@given(texts.filter(lambda texts: known().issuperset("".join(texts))), st.sampled_from([1, 7, 2**10, 2**18, 2**31 - 1]))
def test_counts_equal_scikit_learn(texts: list[str], n_features: int) -> None:
    theirs = HashingVectorizer(n_features=n_features, alternate_sign=False, norm=None).transform(texts)
    indptr, indices, values = hash_texts(texts, n_features)
    assert indptr.tolist() == theirs.indptr.tolist()
    assert indices.tolist() == theirs.indices.tolist()
    assert values.tolist() == theirs.data.tolist()


@given(st.lists(st.text(), max_size=8))
def test_any_string_is_hashed(texts: list[str]) -> None:
    apart = ["".join(" " if "\ud800" <= c <= "\udfff" else c for c in text) for text in texts]
    ours, theirs = hash_texts(texts, 2**18), hash_texts(apart, 2**18)
    assert [array.tolist() for array in ours] == [array.tolist() for array in theirs]

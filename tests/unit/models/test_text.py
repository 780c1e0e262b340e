"""Hashed texts: fixed examples; tests/property/models holds them against scikit-learn on any text."""

from __future__ import annotations

import pytest
from sklearn.feature_extraction.text import HashingVectorizer

from tests.unit.models.agreed import agreed
from unlearn_models import BadSettings, hash_texts, murmur3

MIN_INT = "akqlrggi"  # its hash is -2**31, whose absolute value is no int32


def assert_equals_scikit_learn(texts: list[str], n_features: int) -> None:
    theirs = HashingVectorizer(n_features=n_features, alternate_sign=False, norm=None).transform(texts)
    indptr, indices, values = hash_texts(texts, n_features)
    assert [array.dtype.str for array in (indptr, indices, values)] == ["<i8", "<i4", "<f8"]
    assert indptr.tolist() == theirs.indptr.tolist()
    assert indices.tolist() == theirs.indices.tolist()
    assert values.tolist() == theirs.data.tolist()


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0), (b"a", 0x3C2569B2), (b"hello", 0x248BFA47), (b"hello, world", 0x149BBB7F)],
)
def test_murmur3_gives_the_published_values(data: bytes, expected: int) -> None:
    assert murmur3(data) == expected


@pytest.mark.parametrize("n_features", [1, 2, 1000, 2**18, 2**31 - 1])
@pytest.mark.parametrize(
    "texts",
    [
        ["", "", ""],
        ["a", "ab", "a b c de", "x_y __ 12 3"],
        ["AB ab Ab aB", "one,two;three\nfour\tfive\0six"],
        [MIN_INT, f"{MIN_INT} {MIN_INT.upper()}"],
        ["ΟΔΥΣΣΕΥΣ ὈΔΥΣΣΕΎΣ Σ ΑΣ ΑΣΑ"],
        ["İstanbul DİYARBAKIR ıI", "straße STRASSE", "K kelvin ΩK"],  # noqa: RUF001
        ["👍🏽 no👩‍👩‍👧words ab👍cd", "e\u0301te\u0301 éte", "日本語 テキスト 한국어 हिन्दी"],
        ["𐐀𐐨𐐀 DESERET", "𠀀𠀁 rare han 𠮷野家", "ﬁﬂ ŉx ǰx"],
        ["plain text", "Ünï çödé", "plain again", "𠀀𠀁", "İİ"],
        ["word " * 20_000, " ".join(f"t{i * 7919 % 5000}" for i in range(20_000))],
    ],
)
def test_examples_equal_scikit_learn(texts: list[str], n_features: int) -> None:
    assert_equals_scikit_learn(texts, n_features)


def test_every_character_that_this_python_knows_alike_equals_scikit_learn() -> None:
    letters = [letter for letter in agreed() if not "\ud800" <= letter < "\ue000"]
    step = 64
    texts = [
        " ".join(f"x{letter}y {letter}{letter}" for letter in letters[i : i + step])
        for i in range(0, len(letters), step)
    ]
    assert_equals_scikit_learn(texts, 2**18)


def test_a_text_does_not_depend_on_its_batch() -> None:
    texts = ["Some ASCII", "Ünï", "𠀀𠀁 İx", "more ASCII"]
    alone = [hash_texts([text], 2**18)[1].tolist() for text in texts]
    indptr, indices, _ = hash_texts(texts, 2**18)
    assert [indices[indptr[i] : indptr[i + 1]].tolist() for i in range(4)] == alone


def test_lone_surrogates_stand_between_tokens() -> None:
    assert hash_texts(["ab\ud800cd", "\udfff"], 2**18)[1].tolist() == hash_texts(["ab cd", ""], 2**18)[1].tolist()


def test_no_texts_are_no_rows() -> None:
    assert [array.tolist() for array in hash_texts([], 2**18)] == [[0], [], []]


@pytest.mark.parametrize("n_features", [0, -1, 2**31])
def test_an_impossible_number_of_features_is_refused(n_features: int) -> None:
    with pytest.raises(BadSettings):
        hash_texts(["text"], n_features)

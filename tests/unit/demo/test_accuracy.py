"""The comparison: same rows, same questions."""

from __future__ import annotations

import numpy as np

from unlearn.demo.watching.accuracy import labelled_rows, measure
from unlearn.events.event import Insert
from unlearn_models import make_learner

LEARNER = make_learner("naive-bayes", ("ham", "spam"), 2**10)


def rows_of(n: int) -> list[Insert]:
    words = {"ham": "lunch with the family", "spam": "free prize click"}
    labels = ["spam" if i % 3 == 0 else "ham" for i in range(n)]
    return [Insert(event_id=f"{i}", record_id=f"{i}", label=k, text=words[k]) for i, k in enumerate(labels)]


def test_all_compared_models_are_asked_the_same_rows() -> None:
    train, test = labelled_rows(rows_of(60), LEARNER), labelled_rows(rows_of(30), LEARNER)
    always_ham = np.tile([1.0, 0.0], (30, 1))

    found = measure(LEARNER, train, test, always_ham)

    assert found is not None
    assert (found.rows, found.one_shard, found.sgd) == (30, 1.0, 1.0)
    assert found.model == found.majority == 20 / 30


def test_rows_without_a_label_are_not_asked() -> None:
    unlabelled = Insert(event_id="u", record_id="u", text="hello")

    assert len(labelled_rows([unlabelled, *rows_of(2)], LEARNER)) == 2


def test_there_is_nothing_to_compare_without_two_classes_or_questions() -> None:
    train = labelled_rows(rows_of(1), LEARNER)

    assert measure(LEARNER, train, labelled_rows(rows_of(3), LEARNER), np.zeros((3, 2))) is None
    assert measure(LEARNER, labelled_rows(rows_of(9), LEARNER), labelled_rows([], LEARNER), np.zeros((0, 2))) is None

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.unit.study.small_problem import problem
from unlearn_models import Rows, hash_texts
from unlearn_study.errors import BadData
from unlearn_study.features import NARROW, WIDE, encode
from unlearn_study.keyed import draws
from unlearn_study.problem import make_problem
from unlearn_study.sources.generated import generated
from unlearn_study.sources.records import Records


def _table(*rows: str) -> Records:
    cells = [row.split() for row in rows]
    return Records("a table", ["a"] * len(cells), [None] * len(cells), table=cells)


def _dense(rows: Rows, width: int) -> list[list[float]]:
    out = np.zeros((len(rows), width))
    for row, (start, end) in enumerate(pairwise(rows.indptr)):
        out[row, rows.indices[start:end]] = rows.values[start:end]
    return out.tolist()


def test_texts_are_hashed_counts_wide_and_narrow() -> None:
    records = generated(50, 1)
    assert records.texts is not None
    for encoded, width in zip(encode(records, np.zeros(50, np.int32)), (WIDE, NARROW), strict=True):
        indptr, indices, values = hash_texts(records.texts, width)
        assert encoded.n_features == width
        assert encoded.rows.indptr.tobytes() == indptr.tobytes()
        assert encoded.rows.indices.tobytes() == indices.tobytes()
        assert encoded.rows.values.tobytes() == values.tobytes()


def test_a_tables_words_are_one_column_each_and_its_numbers_stay_numbers_for_trees() -> None:
    wide, narrow = encode(_table("3.5 red", "-2 blue", "? red", "0 ?"), np.zeros(4, np.int32))
    # Columns: the number, then the words in order: ?, blue, red.
    assert _dense(narrow.rows, narrow.n_features) == [[3.5, 0, 0, 1], [-2, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    assert wide.n_features == 4 + 3
    assert sorted(set(wide.rows.values.tolist())) == [1.0]
    assert (np.diff(wide.rows.indptr) == 2).all()


def test_near_numbers_share_a_bucket_and_far_ones_do_not() -> None:
    wide, _ = encode(_table("32 x", "39 x", "40 x", "-32 x", "64 x"), np.zeros(5, np.int32))
    bucket = wide.rows.indices[::2].tolist()
    assert bucket[0] == bucket[1]
    assert len(set(bucket)) == 4


def test_a_subject_is_in_one_part_and_in_one_shard() -> None:
    records = generated(600, 1)
    who = [subject or f"\0{at}" for at, subject in enumerate(records.subjects)]
    tested = draws(who, 1, "split") % np.uint64(5) == 0
    train = [name for name, out in zip(who, tested, strict=True) if not out]
    found = make_problem(records, 1)

    assert not set(train) & {name for name, out in zip(who, tested, strict=True) if out}
    assert len(found.wide.train) == len(train)
    homes = set(zip(train, found.shards(7).tolist(), strict=True))
    assert len(homes) == len(set(train))
    assert set(found.shards(7).tolist()) == set(range(7))


def test_a_record_more_moves_no_other_one() -> None:
    names = [f"u{i}" for i in range(100)]
    assert draws(names, 1, "split").tolist() == draws([*names, "more"], 1, "split").tolist()[:-1]
    assert draws(names, 1, "split").tolist() != draws(names, 2, "split").tolist()
    assert draws(names, 1, "split").tolist() != draws(names, 1, "shard").tolist()


def test_without_steps_half_of_the_positives_keep_their_label_for_pu() -> None:
    found = problem(2000)
    positives = int((found.wide.train.labels == 1).sum())
    known = int((found.pu.train.labels == 1).sum())
    assert found.positive == "spam"
    assert set(found.pu.train.labels.tolist()) == {1, -1}
    assert 0.4 < known / positives < 0.6
    assert found.pu.test.labels.tolist() == found.wide.test.labels.tolist()


def test_steps_say_what_is_labelled_for_pu() -> None:
    records = generated(600, 1)
    records.steps = [1 + at % 6 for at in range(len(records))]
    found = make_problem(records, 1)
    who = [subject or f"\0{at}" for at, subject in enumerate(records.subjects)]
    trains = draws(who, 1, "split") % np.uint64(5) != 0
    wanted = [
        1 if step <= 2 else -1
        for step, label, train in zip(records.steps, records.labels, trains, strict=True)
        if train and (step >= 5 or (step <= 2 and label == "spam"))
    ]
    assert found.pu.train.labels.tolist() == wanted
    assert len(found.shards(3, pu=True)) == len(wanted)


def test_the_fingerprint_tells_data_and_split() -> None:
    assert problem().fingerprint() == problem().fingerprint()
    assert problem().fingerprint() != problem(401).fingerprint()
    records = generated(400, 1)
    assert make_problem(records, 2).fingerprint() != problem().fingerprint()


def test_classes_that_can_not_be_trained_or_tested_are_refused() -> None:
    few = Records("few", ["a", "b"], [None, None], texts=["one", "two"])
    with pytest.raises(BadData, match="a class has no rows to"):
        make_problem(few, 1)
    with pytest.raises(BadData, match="there is no class 'eggs' among ham, spam"):
        make_problem(generated(400, 1), 1, "eggs")

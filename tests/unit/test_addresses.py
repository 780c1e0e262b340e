"""Addresses and rows of usual inserts, by columns, are those that the general way gives each by itself."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from unlearn.events.addresses import Addressing
from unlearn.events.contents import Contents
from unlearn.events.event import Insert, encode
from unlearn.events.features import rows_of
from unlearn.events.partitioner import Digests, event_key, home, shard_of
from unlearn.events.usual_inserts import AS_FEATURES, AS_TEXT, UsualInserts, UsualInsertScanner
from unlearn_models import Rows

CLASSES = ("ham", "spám", "other")
WORDS = ("a", "word", "Ünïcode", "😀", '\n\t"quoted"', "x" * 70, "")


def insert(chance: random.Random, number: int) -> Insert:
    content: dict[str, Any] = {"text": " ".join(chance.choices(WORDS, k=chance.randint(0, 30)))}
    if chance.random() < 0.4:
        values = [chance.choice([0.0, -0.0, 1.0, 1e-20, chance.random(), -3.5]) for _ in range(chance.randint(0, 9))]
        content = {"features": tuple(values)}
        if chance.random() < 0.5:
            content = {"features": {index: value for index, value in enumerate(values) if chance.random() < 0.7}}
    return Insert(
        event_id=f"e{number}",
        record_id=chance.choice(["r", "é", "record " * 20]) + str(number),
        subject_id=chance.choice([None, "ann", "bób", "s" * 256]),
        revision=chance.choice([0, 0, 1, 300]),
        label=chance.choice([None, *CLASSES]),
        **content,
    )


def scanned(inserts: Sequence[Insert]) -> tuple[NDArray[np.uint8], UsualInserts]:
    values = [encode(one) for one in inserts]
    ends = np.cumsum([len(value) for value in values])
    spans = np.stack([ends - [len(value) for value in values], ends], axis=1)
    data = np.frombuffer(b"".join(values), np.uint8)
    scanner = UsualInsertScanner({name: i for i, name in enumerate(CLASSES)}, 64, counts=False)
    return data, scanner.scan(data, spans)


def same(one: Rows, other: Rows) -> bool:
    columns = ("labels", "indptr", "indices", "values")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in columns)


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("secret", [b"", b"a secret", b"s" * 100])
def test_columns_say_what_the_general_way_says(seed: int, secret: bytes) -> None:
    chance = random.Random(seed)
    inserts = [insert(chance, number) for number in range(chance.randint(1, 60))]
    data, found = scanned(inserts)
    assert (found.kinds == [AS_TEXT if one.features is None else AS_FEATURES for one in inserts]).all()
    which = np.array([chance.random() < 0.8 for _ in inserts])
    kept = [one for one, taken in zip(inserts, which, strict=True) if taken]
    contents = Contents.of(found).take(which)
    addressing, digests = Addressing(secret, CLASSES, 7, 5), Digests(secret)
    assert addressing.homes(data, found.records, found.subjects).tolist() == [
        home(event_key(one), 7) for one in inserts
    ]
    at = addressing.of(data, found.records[which], found.subjects[which], contents)
    for i, one in enumerate(kept):
        subject = digests.subject(one.subject_id) if one.subject_id else bytes(16)
        assert at.records[i].tobytes() == digests.record(one.record_id)
        assert at.subjects[i].tobytes() == subject
        assert at.contents[i].tobytes() == digests.content(one)
        assert at.shards[i] == shard_of(subject if one.subject_id else digests.record(one.record_id), 5)
    assert same(contents.rows(64), rows_of(kept, CLASSES, 64))

"""The reference and the replay against small logs whose outcome was worked out by hand from the rules."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import pytest
from kafka.partitioner.default import murmur2 as kafka_murmur2

from tests.harness.events import delete
from tests.harness.replayed import replayed
from unlearn.events.event import Delete, Event, Insert, Lift, Seal, encode
from unlearn.events.partitioner import Digests, home, shard_of
from unlearn.log.protocol import Entry
from unlearn.simulate.replay import Replay
from unlearn.verification.reference import Model, murmur2
from unlearn_models import Rows, digest, hash_texts, make_learner

SECRET = b"a secret of tests"
CLASSES = ("ham", "spam")


def a_model(learner: str = "linear", **changes: Any) -> Model:
    given: dict[str, Any] = {"partitions": 1, "shards": 1, "slice_span": 100, "subjects": True, "secret": SECRET}
    return Model(**(given | {"learner": make_learner(learner, CLASSES, 64)} | changes))


def insert(record: str = "r", subject: str | None = None, revision: int = 0, **more: Any) -> Insert:
    content = {} if "features" in more else {"text": f"{record} {subject} {revision}"}
    return Insert(
        **({"event_id": "e", "record_id": record, "subject_id": subject, "revision": revision, "label": "ham"}
           | content | more)
    )  # fmt: skip


def a_log(*events: Event | bytes | None, partition: int = 0) -> list[Entry]:
    """One message an offset."""
    values = [encode(event) if isinstance(event, Insert | Delete | Lift | Seal) else event for event in events]
    return [Entry(partition, offset, 0, None, value) for offset, value in enumerate(values)]


def played(*events: Event | bytes | None, model: Model | None = None) -> Replay:
    return replayed(model or a_model(), 0, a_log(*events))


def deaths(found: Replay) -> dict[int, int | None]:
    return {slot: row.death for slot, row in found.rows.items()}


# Acceptance and kills: what is accepted at which slot, and what killed it.
@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([insert()], {0: None}),
        ([insert(), insert()], {0: None}),
        ([insert(text="first"), insert(text="other")], {0: None}),
        ([insert(revision=1), insert(revision=0)], {0: None}),
        ([insert(revision=0), insert(revision=2), insert(revision=1)], {0: 1, 1: None}),
        ([insert("r", "a"), insert("r", "b"), insert("r")], {0: None, 1: None, 2: None}),
    ],
    ids=["new", "again", "conflict: first wins", "lower ignored", "higher replaces", "pairs stand alone"],
)
def test_inserts(events: Sequence[Event], expected: dict[int, int | None]) -> None:
    assert deaths(played(*events)) == expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([insert(revision=3), delete("r")], {0: 1}),
        ([insert(revision=3), delete("r", revision=3)], {0: 1}),
        ([insert(revision=3), delete("r", revision=2)], {0: None}),
        ([delete("r", revision=2), insert(revision=2), insert(revision=3)], {2: None}),
        ([delete("r", revision=0), insert()], {}),
        ([delete("r"), insert(revision=9)], {}),
        ([delete("r"), delete("r", revision=0), insert(revision=1)], {}),
        ([delete("r", revision=3), delete("r", revision=1), insert(revision=2)], {}),
        ([insert(), delete("r"), delete("r")], {0: 1}),
        ([insert(), delete("r", revision=0), insert(revision=1)], {0: 1, 2: None}),
        ([insert(), insert(revision=1), delete("r", revision=0)], {0: 1, 1: None}),
    ],
    ids=[
        "all revisions", "its revision", "an older revision", "before its insert", "revision 0", "for ever",
        "the highest tombstone counts", "in any order", "the first death counts", "a newer one comes back",
        "an old deletion spares the new",
    ],
)  # fmt: skip
def test_deletes_of_a_record(events: Sequence[Event], expected: dict[int, int | None]) -> None:
    assert deaths(played(*events)) == expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([insert("r", "a"), insert("r", "b"), insert("r"), delete("r", "a")], {0: 3, 1: None, 2: None}),
        ([insert("r", "a"), insert("r", "b"), insert("r"), insert("q", "a"), delete("r")],
         {0: 4, 1: 4, 2: 4, 3: None}),
        ([insert("r", "a", 2), insert("r", "b", 0), delete("r", revision=1)], {0: None, 1: 2}),
        ([delete("r", revision=1), delete("r", "a", 3), insert("r", "a", 3), insert("r", "b", 2)], {3: None}),
        ([delete("r", revision=3), delete("r", "a", 1), insert("r", "a", 3), insert("r", "b", 3)], {}),
        ([delete("r", "a", 3), delete("r", "a", 1), insert("r", "a", 2), insert("r", "a", 4)], {3: None}),
        ([insert("r", "a"), insert("q", "a"), insert("r", "b"), delete(subject="a")], {0: 3, 1: 3, 2: None}),
        ([delete(subject="a"), insert("r", "a", 9), insert("r", "b"), insert("a"), insert("r")],
         {2: None, 3: None, 4: None}),
        ([insert("a"), delete(subject="a")], {0: None}),
        ([insert("r", "a"), delete(subject="a"), delete(subject="a"), delete("r", "a")], {0: 1}),
        ([insert("r", "a", 7), delete(subject="a", revision=1)], {0: None}),
    ],
    ids=[
        "a pair", "under every subject", "under every subject, by revision", "pair's tombstone is its own",
        "the higher of two tombstones", "the highest of a pair", "a whole subject", "a subject for ever",
        "a record of the same name",
        "the subject's first tombstone counts", "a subject's revision leaves it open",
    ],
)  # fmt: skip
def test_deletes_with_subjects(events: Sequence[Event], expected: dict[int, int | None]) -> None:
    assert deaths(played(*events)) == expected


def test_a_subjects_first_tombstone_is_kept() -> None:
    assert played(delete(subject="a"), None, delete(subject="a")).gone == {"a": 0}


def test_empty_offsets_and_what_cant_be_read_change_nothing() -> None:
    bad_label, too_wide = insert("x", label="eggs"), insert("y", features={64: 1.0})
    bad = [None, b"\xff", b"{}", b'{"type":"insert"}', b'{"type":"delete"}', bad_label, too_wide]

    assert deaths(played(*bad, insert())) == {7: None}


def test_naive_bayes_takes_counts_only() -> None:
    events = (
        insert("a", features=(0.5,)),
        insert("b", features=(2.0,)),
        insert("b", revision=1, features={0: -1.0}),
    )

    counts, numbers = played(*events, model=a_model("naive-bayes")), played(*events, model=a_model("linear"))

    assert deaths(counts) == {1: None}
    assert deaths(numbers) == {0: None, 1: 2, 2: None}


def test_events_count_at_home_only() -> None:
    model = a_model(partitions=3, shards=2)
    names = [f"n{i}" for i in range(30)]
    events = [insert(name) for name in names] + [insert("x", name) for name in names]

    homes = [replayed(model, partition, a_log(*events)).rows for partition in range(5)]

    assert [sorted(rows) for rows in homes[3:]] == [[], []]
    assert sorted(slot for rows in homes for slot in rows) == list(range(60))
    for partition, rows in enumerate(homes):
        assert all(kafka_home(names[slot % 30], 3) == partition for slot in rows)


def test_a_delete_off_its_home_waits_for_its_copy() -> None:
    model = a_model(partitions=2)
    subject = next(name for name in map(str, range(9)) if kafka_home(name, 2) == 0)

    here = replayed(model, 0, a_log(insert("r", subject), delete("r", subject)))
    there = replayed(model, 1, a_log(delete(subject=subject)))

    assert (deaths(here), there.gone) == ({0: 1}, {})


def test_a_record_only_delete_counts_wherever_it_is_read() -> None:
    model = a_model(partitions=2)
    subjects = {kafka_home(name, 2): name for name in map(str, range(9))}

    found = [replayed(model, p, a_log(insert("r", subjects[p]), delete("r"))) for p in (0, 1)]

    assert [deaths(each) for each in found] == [{0: 1}, {0: 1}]
    assert replayed(model, 2, a_log(delete("r"))).everywhere == {}


def test_without_subjects_a_record_has_one_home_and_no_subject() -> None:
    model = a_model(partitions=2, subjects=False)
    events = a_log(insert("r"), insert("q", "s"), delete("r", "s"), delete(subject="s"), delete("r"))

    found = [replayed(model, partition, events) for partition in (0, 1)]

    there, elsewhere = found[kafka_home("r", 2)], found[1 - kafka_home("r", 2)]
    assert (deaths(there), deaths(elsewhere)) == ({0: 4}, {})
    assert (list(there.everywhere), list(elsewhere.everywhere)) == (["r"], [])


def test_slices_end_at_multiples_and_after_seals() -> None:
    model = a_model(slice_span=4)

    found = played(
        insert("a"), insert("b"), Seal(), insert("c"), insert("d"), Seal(), Seal(), insert("e"), insert("f"),
        model=model,
    )  # fmt: skip

    assert {slot: row.end for slot, row in found.rows.items()} == {0: 3, 1: 3, 3: 4, 4: 6, 7: 8, 8: 12}
    assert [end for end in range(13) if found.is_end(end)] == [0, 3, 4, 6, 7, 8, 12]
    assert [found.last_end(applied) for applied in range(10)] == [0, 0, 0, 3, 4, 4, 6, 6, 8, 8]


def test_seals_beyond_the_models_partitions_are_ignored() -> None:
    assert replayed(a_model(), 1, a_log(Seal())).seals == []


def test_the_origin_header_changes_nothing() -> None:
    plain = a_log(insert("a"), delete("a"))
    marked = [entry._replace(headers=(("unlearn-origin", b"m/0/1/2/00"),)) for entry in plain]

    assert deaths(replayed(a_model(), 0, marked)) == deaths(replayed(a_model(), 0, plain)) == {0: 1}


@pytest.mark.parametrize("learner", ["naive-bayes", "linear"])
def test_the_state_is_the_fold_of_ended_slices_as_of_applied(learner: str) -> None:
    model = a_model(learner, slice_span=3)
    found = played(
        insert("a"), insert("b", label="spam"), insert("c"),
        insert("d"), delete("b"), insert("e"),
        insert("f"),
        model=model,
    )  # fmt: skip

    assert found.holds(0, 6, 6) == {0, 2, 3, 5}
    assert found.holds(0, 3, 4) == {0, 1, 2}
    assert found.holds(0, 3, 5) == {0, 2}
    assert found.state(0, 6, 6).digest == by_hand(model, [["a", "c"], ["d", "e"]])
    assert found.state(0, 3, 4).digest == by_hand(model, [["a", "b", "c"]])
    assert found.state(0, 3, 5) == found.state(0, 3, 6)
    assert found.state(0, 6, 6).rows == 4
    assert found.state(0, 0, 6) == found.state(0, 0, 0)
    assert found.state(0, 0, 6).digest == digest(model.learner, model.learner.empty())


def test_a_death_counts_from_the_offset_behind_it() -> None:
    found = played(insert("a"), Seal(), delete("a"))

    assert [found.state(0, 2, applied).rows for applied in (2, 3)] == [1, 0]


def test_unlabelled_rows_are_members_that_teach_nothing() -> None:
    found = played(insert("a", label=None), Seal())

    assert found.state(0, 2, 2)[::2] == (digest(found.model.learner, found.model.learner.empty()), 1)
    assert found.state(0, 2, 2).lineage != "0" * 32


def test_features_and_texts_share_a_slice() -> None:
    model = a_model()
    found = played(insert("a", features={3: 2.0, 1: 0.0, 0: 1.0}), insert("b", text="tea"), Seal(), model=model)
    _, index, value = hash_texts(["tea"], 64)
    rows = Rows(*map(_array, ([0, 0], [0, 2, 3], [0, 3, *index], [1.0, 2.0, *value]), "iqid"))

    assert found.state(0, 3, 3).digest == digest(model.learner, model.learner.learn(model.learner.empty(), rows))


def test_rows_that_the_learner_refuses_are_members_all_the_same() -> None:
    model = a_model("naive-bayes")
    found = played(insert("a", features=(2.0**31,)), insert("b", features=(1.0,)), Seal(), model=model)
    alone = played(None, insert("b", features=(1.0,)), Seal(), model=model)

    assert found.state(0, 3, 3).digest == alone.state(0, 3, 3).digest
    assert found.state(0, 3, 3).rows == 2


def test_lineage_of_a_folding_learner_is_a_chain_over_slices_with_rows() -> None:
    found = played(insert("a"), Seal(), insert("x"), delete("x"), Seal(), insert("b"), insert("c"), Seal())
    link = blake2b(bytes(16) + _le(2, 8) + _le(_hash(0), 16), digest_size=16, person=b"lineage").digest()
    sums = (_hash(5) + _hash(6)) % 2**128
    last = blake2b(link + _le(8, 8) + _le(sums, 16), digest_size=16, person=b"lineage").hexdigest()

    assert [found.state(0, through, 8).lineage for through in (0, 2, 5, 8)] == [
        "0" * 32,
        link.hex(),
        link.hex(),
        last,
    ]


def test_lineage_of_a_forgetting_learner_is_a_sum() -> None:
    found = played(insert("a"), Seal(), insert("b"), Seal(), delete("a"), model=a_model("naive-bayes"))

    assert found.state(0, 4, 4).lineage == f"{(_hash(0) + _hash(2)) % 2**128:032x}"
    assert found.state(0, 4, 5).lineage == f"{_hash(2):032x}"


@pytest.mark.parametrize("size", range(20))
def test_murmur2_is_kafkas(size: int) -> None:
    data = bytes((size * 37 + i * 91) % 256 for i in range(size))

    assert murmur2(data) == kafka_murmur2(data) & 0xFFFFFFFF


@pytest.mark.parametrize("secret", [b"a secret of tests", b"s" * 64, b"l" * 65])
def test_home_and_shard_agree_with_routing(secret: bytes) -> None:
    model = a_model(partitions=7, shards=5, secret=secret)
    digests = Digests(secret)

    for name in ["a", "\u00e9", "\U0001f600", *(f"name {i}" for i in range(50))]:
        assert model.home(name) == home(name.encode(), 7)
        assert model.shard(*model.digests(insert(name))) == shard_of(digests.record(name), 5)
        assert model.shard(*model.digests(insert("r", name))) == shard_of(digests.subject(name), 5)


def by_hand(model: Model, slices: list[list[str]]) -> str:
    """The digest after learning these records of `insert`, slice by slice."""
    state = model.learner.empty()
    for records in slices:
        labels = _array([int(record == "b") for record in records], "i")
        rows = Rows(labels, *hash_texts([f"{record} None 0" for record in records], 64))
        state = model.learner.learn(state, rows)
    return digest(model.learner, state)


def kafka_home(name: str, partitions: int) -> int:
    return int((kafka_murmur2(name.encode()) & 0x7FFFFFFF) % partitions)


def _array(numbers: Sequence[float], code: str) -> Any:
    import numpy as np

    return np.array(numbers, {"i": np.int32, "q": np.int64, "d": np.float64}[code])


def _hash(slot: int) -> int:
    return int.from_bytes(blake2b(_le(slot, 8), digest_size=16, person=b"slot").digest(), "little")


def _le(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little")

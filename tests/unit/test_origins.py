"""Whose copies the log bears out, and that looking is bounded whatever the marks say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from unlearn.errors import LogUnavailable
from unlearn.events.marks import Origin, read_marks
from unlearn.events.partitioner import origin_header
from unlearn.forwarding.foreign_copies import Origins
from unlearn.forwarding.reread import runs
from unlearn.forwarding.sent_before import SentBefore
from unlearn.log.columns import RecordColumns
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Header, Record

TOPIC, SECRET = "t", b"our own secret"
VALUE = b'{"type":"delete","event_id":"d","record_id":"r","requested_at":"2023-01-01"}'


def mark(partition: int, offset: int, model: str = "other", secret: bytes = b"theirs") -> Header:
    return origin_header(secret, Origin(model, partition, offset, 5))


class Looked(MemoryLog):
    """Four partitions; remembers what was read."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: 1000)
        self.create_topic(TOPIC, 4)
        self.looked: list[tuple[int, int, int]] = []

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        self.looked.append((partition, start, stop))
        return super().read(topic, partition, start, stop)

    def put(self, partition: int, *headers: Header, value: bytes = VALUE, key: bytes = b"r") -> Record:
        offset = self.append(TOPIC, partition, key, value, headers)
        return next(super().read(TOPIC, partition, offset, offset + 1))


@pytest.fixture
def log() -> Looked:
    return Looked()


def copies(log: Looked, *records: Record) -> set[int]:
    return set(Origins(log, TOPIC, "ours", SECRET).copies(records))


def test_a_copy_is_one_of_a_record_in_the_log_with_the_same_bytes(log: Looked) -> None:
    log.put(0, value=b"x")
    log.put(0)
    log.put(0, key=b"q")

    found = [log.put(3, mark(0, offset)) for offset in range(5)]

    assert copies(log, *found) == {found[1].offset}


@pytest.mark.parametrize("at", [(3, 0), (9, 0), (999_999, 0), (0, 10**15)])
def test_a_mark_of_no_place_or_of_its_own_says_nothing(log: Looked, at: tuple[int, int]) -> None:
    log.put(0)

    assert copies(log, log.put(3, mark(*at))) == set()


def test_any_of_several_marks_may_bear_it_out(log: Looked) -> None:
    log.put(0)
    bad: Header = ("unlearn-origin", b"nonsense")

    assert copies(log, log.put(3, bad, mark(2, 7), ("unlearn-origin", None), mark(0, 0))) == {0}


def test_a_marked_original_must_come_before_its_copy(log: Looked) -> None:
    """Else two records that name each other would be taken for copies both, and sent on by nobody."""
    first, second = log.put(1, mark(2, 0)), log.put(2, mark(1, 0))

    assert copies(log, first) == set()
    assert copies(log, second) == {0}


def test_a_copy_of_a_copy_is_one(log: Looked) -> None:
    log.put(0)
    log.put(1, mark(0, 0))

    assert copies(log, log.put(2, mark(0, 0), mark(1, 0, "third"))) == {0}
    assert copies(log, log.put(2, mark(1, 0, "third"))) == {1}


@pytest.mark.parametrize("marks", [(mark(0, 0), mark(1, 0, "third")), (mark(1, 0, "third"), mark(0, 0))])
def test_the_original_of_a_copys_copy_is_the_one_without_a_mark(log: Looked, marks: tuple[Header, Header]) -> None:
    log.put(0)
    log.put(1, mark(0, 0))

    assert Origins(log, TOPIC, "ours", SECRET).copies([log.put(2, *marks)]) == {0: (0, 0)}


def test_our_own_mark_is_no_others(log: Looked) -> None:
    log.put(0)
    ours = mark(0, 0, "ours", SECRET)

    assert copies(log, log.put(3, ours)) == set()
    assert copies(log, log.put(3, ours, mark(0, 0))) == {1}
    # Under our name, and not by us: a model that was made anew with another secret.
    assert copies(log, log.put(3, mark(0, 0, "ours"))) == {2}


def test_an_original_that_was_seen_is_not_looked_up(log: Looked) -> None:
    origins = Origins(log, TOPIC, "ours", SECRET)
    original = log.put(0)

    assert origins.copies([original]) == {}
    assert origins.copies([log.put(3, mark(0, 0))]) == {0: (0, 0)}
    assert log.looked == []


def test_a_batch_of_copies_takes_one_read_a_partition(log: Looked) -> None:
    for i in range(300):
        log.put(i % 3)

    found = [log.put(3, mark(i % 3, i // 3)) for i in range(300)]

    assert len(copies(log, *found)) == 300
    assert len(log.looked) == 3


def test_forged_marks_cost_a_bounded_look(log: Looked) -> None:
    log.gap(TOPIC, 0, 10_000_000)
    log.put(0)
    forged = [log.put(3, *(mark(0, 10_000 * (8 * i + j)) for j in range(100))) for i in range(100)]

    assert copies(log, *forged) == set()
    assert len(log.looked) <= 64
    assert sum(stop - start for _, start, stop in log.looked) <= 64 * 50_001


def test_marks_are_read_from_few_headers_of_sane_length() -> None:
    assert len(read_marks([mark(0, offset) for offset in range(100)])) == 8
    for value in (
        b"m/1/2/3/" + b"0" * 31,
        b"m/1/2/3/" + b"0" * 33,
        b"m/-1/2/3/" + b"0" * 32,
        b"m/1/" + b"9" * 40,
        b"\xff",
    ):
        assert read_marks([("unlearn-origin", value)]) == []
    assert read_marks([("unlearn-origin", b"\xff\xfe/1/2/3/" + b"0" * 32)])[0][1:] == (1, 2, 3)


def test_runs_are_of_offsets_near_each_other() -> None:
    assert list(runs([1, 2, 5000, 20_000])) == [(1, 5000), (20_000, 20_000)]


def test_what_was_sent_before_is_found_a_piece_at_a_time(log: Looked) -> None:
    original, other = log.put(0), log.put(0, value=b"x")
    log.put(1, mark(0, 0))
    log.put(2, mark(0, 0, "ours", SECRET))
    log.put(3, mark(0, 0), value=b"y")
    before = SentBefore(log, TOPIC)

    assert before.places(original) == {}
    assert [before.look(2) for _ in range(3)] == [False, False, True]
    assert before.places(original) == {1: 0, 2: 0}
    assert before.places(other) == {}


def test_copies_of_an_original_that_is_gone_know_each_other(log: Looked) -> None:
    original = log.put(0)
    found = [log.put(partition, mark(0, 0)) for partition in (1, 2, 3)]
    log.truncate(TOPIC, 0, original.offset + 1)
    before = SentBefore(log, TOPIC)

    assert before.look(100)
    assert [set(before.places(one)) for one in found] == [{1, 2, 3}] * 3


def test_a_bound_on_what_is_remembered_only_forgets(log: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.forwarding.sent_before._MOST_MARKS", 1)
    original = log.put(0)
    for partition in (1, 2):
        log.put(partition, mark(0, 0))
    before = SentBefore(log, TOPIC)

    assert before.look(100)
    assert before.places(original) == {1: 0}


def test_a_partition_that_can_not_be_read_has_sent_nothing(log: Looked) -> None:
    original = log.put(0)
    log.put(1, mark(0, 0))
    before = SentBefore(_Broken(log), TOPIC)

    assert [before.look(1) for _ in range(6)][-1]
    assert before.places(original) == {}


class _Broken(Looked):
    """Partition 1 of another log can't be read."""

    def __init__(self, log: MemoryLog) -> None:
        super().__init__()
        self._log = log

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        return self._log.bounds(topic)

    def read_columns(self, topic: str, partition: int, start: int, stop: int) -> Iterator[RecordColumns]:
        if partition == 1:
            raise LogUnavailable("injected")
        return self._log.read_columns(topic, partition, start, stop)

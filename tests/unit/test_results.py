from __future__ import annotations

import pytest

from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Entry
from unlearn.results.manifest import Heartbeat, Manifest, TokenField, heartbeat_key, manifest_key
from unlearn.results.results_topic import Results

NONCE, OTHER = "a" * 32, "b" * 32


def _manifest(counter: int, sequence: int, partition: int = 0, model: str = "demo", nonce: str = NONCE) -> Manifest:
    return Manifest(
        model=model,
        identity="0" * 64,
        partition=partition,
        token=TokenField(counter=counter, nonce=nonce),
        sequence=sequence,
        applied=0,
        erased_through=0,
        created_at=0,
        learner="naive-bayes",
        profile="",
        shards=(),
    )


def _at(offset: int, manifest: Manifest, partition: int | None = None) -> Entry:
    key = manifest_key("demo", manifest.partition if partition is None else partition)
    return Entry(0, offset, 0, key, manifest.encode())


def _beat(offset: int, counter: int, sequence: int, nonce: str = NONCE) -> Entry:
    value = Heartbeat(counter=counter, nonce=nonce, sequence=sequence).encode()
    return Entry(0, offset, 0, heartbeat_key("demo", 0), value)


def test_the_newest_by_counter_and_sequence_is_held_whatever_comes_last() -> None:
    results = Results("demo")

    results.merge([_at(3, _manifest(2, 1)), _at(5, _manifest(1, 9)), _at(6, _manifest(2, 0 + 1, nonce=OTHER))])

    assert results.of(0).manifest == _manifest(2, 1)
    assert (results.of(0).offset, results.version) == (3, 3)
    assert (results.of(0).last, results.of(0).last_offset) == (_manifest(2, 1, nonce=OTHER), 6)


def test_of_two_owners_with_one_counter_the_first_holds() -> None:
    # given Redis was rolled back: what the earlier owner had sent comes behind what the later one has published
    results = Results("demo")

    results.merge([_at(3, _manifest(2, 1)), _at(5, _manifest(2, 7, nonce=OTHER))])

    assert (results.of(0).manifest, results.of(0).top) == (_manifest(2, 1), _manifest(2, 7, nonce=OTHER))
    assert [(one.offset, one.reason) for one in results.newly_refused()] == [
        (5, "its counter is that of another owner, who came first")
    ]
    results.merge([_at(6, _manifest(3, 1, nonce=OTHER))])
    assert results.of(0).manifest == _manifest(3, 1, nonce=OTHER)


def test_the_version_is_the_offset_of_the_newest_manifest_merged() -> None:
    results = Results("demo")
    assert results.version is None

    results.merge([_at(3, _manifest(1, 1)), _at(8, _manifest(1, 1, partition=1)), _beat(9, 1, 1)])

    assert results.version == 8


def test_a_manifest_sent_again_counts_at_its_new_place() -> None:
    # given the first copy is gone by compaction, a later reader sees the second alone
    both, second = Results("demo"), Results("demo")

    both.merge([_at(3, _manifest(1, 1)), _at(4, _manifest(1, 1))])
    second.merge([_at(4, _manifest(1, 1))])

    assert both.version == second.version == 4
    assert both.of(0).last_offset == 4


def test_the_highest_counter_is_that_of_manifests_and_heartbeats() -> None:
    results = Results("demo")

    results.merge([_at(0, _manifest(2, 1)), _beat(1, 5, 1), _at(2, _manifest(3, 1)), _beat(3, 4, 1)])

    assert results.of(0).highest_counter == 5


def test_a_heartbeat_names_the_very_manifest() -> None:
    results = Results("demo")
    results.merge([_at(0, _manifest(2, 1)), _beat(1, 2, 1, OTHER), _beat(2, 2, 2)])
    assert results.of(0).named is None

    results.merge([_beat(3, 2, 1)])

    assert results.of(0).named == _manifest(2, 1)


def test_a_late_heartbeat_of_an_earlier_owner_changes_nothing() -> None:
    results = Results("demo", clock=lambda: 1.0)
    results.merge([_at(0, _manifest(2, 1)), _beat(1, 2, 1)])
    held = results.of(0).heartbeat

    results.merge([_beat(2, 1, 7)])

    assert results.of(0).heartbeat is held


def test_heartbeats_are_dated_by_their_reading_or_as_told() -> None:
    read = Results("demo", clock=lambda: 42.0)
    told = Results("demo", clock=lambda: 42.0, date=lambda offset: offset / 2)

    for results in (read, told):
        results.merge([_beat(10, 1, 1)])

    assert (read.of(0).heartbeat_at, told.of(0).heartbeat_at) == (42.0, 5.0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, b"{}"),
        (b"", b"{}"),
        (b"demo/0", None),
        (b"demo/0", b"no manifest"),
        (b"demo/0", _manifest(1, 1, model="other").encode()),
        (b"demo/1", _manifest(1, 1, partition=0).encode()),
        (b"other/0", _manifest(1, 1).encode()),
        (b"demo/00", _manifest(1, 1).encode()),
        (b"demo/0/x", _manifest(1, 1).encode()),
        (b"demo/\xd9\xa0", _manifest(1, 1).encode()),
        (b"demo/" + b"9" * 5000, _manifest(1, 1).encode()),
        (b"demo/0/heartbeat", b"no heartbeat"),
        (b"\xff/0", b"{}"),
    ],
)
def test_what_is_none_of_the_model_is_passed_over(key: bytes | None, value: bytes | None) -> None:
    results = Results("demo")

    results.merge([Entry(0, 0, 0, key, value)])

    assert results.version is None
    assert all(held.manifest is None and held.heartbeat is None for held in results.partitions.values())


def test_following_reads_to_the_end() -> None:
    log = MemoryLog()
    log.create_topic("demo.results", 1)
    for sequence in (1, 2):
        log.append("demo.results", 0, manifest_key("demo", 0), _manifest(1, sequence).encode(), ())
    log.gap("demo.results", 0, 3)
    results = Results("demo")

    assert results.follow(log.tail("demo.results"))
    assert results.of(0).manifest == _manifest(1, 2)

"""The history of versions: what owners tell of manifests, and what readers make of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.settings import create_topics, settings_of
from tests.unit.owner import owner
from unlearn.environment.clock import Clock
from unlearn.errors import LogDenied, LogUnavailable
from unlearn.log.memory.log import MemoryLog
from unlearn.log.memory.producer import MemoryProducer
from unlearn.log.protocol import Entry, Header
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.partition.tables import Change
from unlearn.publishing.history import History
from unlearn.results.history import FULL_EVERY, NOTHING_TOLD, PublishedVersion, read_version, tell
from unlearn.results.manifest import Manifest, ShardEntry, TokenField, manifest_key
from unlearn.results.results_topic import Results
from unlearn.results.versions import Held, Row, Seen, held_by, told_of, versions_of

SETTINGS = settings_of(model="demo")


def manifest(sequence: int, applied: int, through: Sequence[int], rows: Sequence[int] = (), at: int = 0) -> Manifest:
    shards = [
        ShardEntry(
            shard=shard,
            through=reach,
            status="current",
            rows=rows[shard] if rows else reach,
            lineage="0" * 32,
            digest="0" * 64,
            file="",
            size=0,
        )
        for shard, reach in enumerate(through)
    ]
    return Manifest(
        model="demo",
        identity="0" * 64,
        partition=0,
        token=TokenField(counter=1, nonce="a" * 32),
        sequence=sequence,
        applied=applied,
        erased_through=0,
        created_at=at,
        learner="naive-bayes",
        profile="",
        shards=tuple(shards),
    )


def test_only_shards_that_changed_are_told_and_now_and_then_all() -> None:
    chain, first = tell(NOTHING_TOLD, 3, manifest(1, 0, (0, 0)))
    chain, same = tell(chain, 5, manifest(2, 9, (0, 0)))
    chain, second = tell(chain, 6, manifest(3, 10, (10, 0), at=FULL_EVERY - 1))
    _, third = tell(chain, 8, manifest(4, 12, (10, 7), at=FULL_EVERY))

    assert first
    assert second
    assert third
    assert (first.after, first.full, len(first.shards)) == (None, True, 2)
    assert same is None
    assert (second.after, second.full, [one.shard for one in second.shards]) == (3, False, [0])
    assert (third.after, third.full, len(third.shards)) == (6, True, 2)
    assert read_version(second.encode()) == second


def test_a_deleted_row_is_a_change_though_no_shard_reaches_further() -> None:
    chain, _ = tell(NOTHING_TOLD, 3, manifest(1, 10, (10,), (4,)))
    _, told = tell(chain, 4, manifest(2, 11, (10,), (3,)))

    assert told
    assert [(one.through, one.rows) for one in told.shards] == [(10, 3)]


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b'{"model": 1}'])
def test_what_is_no_version_is_none(value: bytes | None) -> None:
    assert read_version(value) is None


manifests = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 4), st.lists(st.integers(0, 3), min_size=2, max_size=2), st.booleans()),
    min_size=1,
    max_size=12,
)
"""(how far the version is from the one before, how much is applied more, how far each shard reaches, much later)."""


def published(drawn: Sequence[tuple[int, int, list[int], bool]]) -> list[tuple[int, Manifest]]:
    version = applied = at = 0
    found = []
    for sequence, (step, more, through, later) in enumerate(drawn, 1):
        version, applied, at = version + step, applied + more, at + (FULL_EVERY if later else 1)
        found.append((version, manifest(sequence, applied, through, at=at)))
    return found


@given(manifests, st.data())
def test_whatever_is_repeated_or_told_by_several_owners_the_versions_are_the_same(
    drawn: Any, data: st.DataObject
) -> None:
    all_of_them = published(drawn)
    whole = versions_of(told_of(all_of_them))
    assert [version.follows for version in whole] == [at > 0 for at in range(len(whole))]
    start, stop = sorted(data.draw(st.lists(st.integers(0, len(all_of_them)), min_size=2, max_size=2)))
    again = told_of(all_of_them[start:stop])

    found = versions_of(data.draw(st.permutations([*told_of(all_of_them), *again])))

    # What is told again may begin with a version that changes nothing.
    kept = {version.version: version for version in found}
    assert [kept[version.version] for version in whole] == whole
    for before, version in pairwise(found):
        assert version.follows
        assert version.version in {one.version for one in whole} or version.shards == before.shards


@given(manifests, st.data())
def test_what_is_not_told_is_never_taken_for_known(drawn: Any, data: st.DataObject) -> None:
    told = told_of(published(drawn))
    lost = data.draw(st.sets(st.sampled_from(range(len(told)))))
    whole = {version.version: version for version in versions_of(told)}

    found = versions_of(message for at, message in enumerate(told) if at not in lost)

    names = [message.version for message in told]
    for version in found:
        assert version.shards == whole[version.version].shards
    for before, version in pairwise(found):
        assert version.follows == (names.index(version.version) == names.index(before.version) + 1)


def test_the_versions_that_held_a_row() -> None:
    told = told_of(
        [
            (2, manifest(1, 0, (0,))),
            (4, manifest(2, 10, (10,))),
            (6, manifest(3, 20, (20,), (19,))),
            (8, manifest(4, 25, (20,), (18,))),
            (9, manifest(5, 30, (20,), (17,))),
        ]
    )
    versions = versions_of(told)

    assert held_by(versions, Row(0, 12, 24)) == Held(
        Seen(6, versions[2].at, True), Seen(6, versions[2].at, True), Seen(8, versions[3].at, True), True
    )
    assert held_by(versions, Row(0, 12, 25)).without == Seen(9, versions[4].at, True)
    assert held_by(versions, Row(0, 3, None)) == Held(Seen(4, versions[1].at, True), None, None, True)
    assert held_by(versions, Row(0, 12, 15)) == Held(None, None, None, True)
    assert held_by(versions, Row(0, 25, None)) == Held(None, None, None, True)
    # Without the third nobody knows since when, nor whether a row that died soon was ever held.
    gap = versions_of([*told[:2], *(one for one in told_of([(8, manifest(4, 25, (20,), (18,)))]))])
    assert held_by(gap, Row(0, 12, None)) == Held(Seen(8, versions[3].at, False), None, None, False)
    assert held_by(gap, Row(0, 12, 15)) == Held(None, None, None, False)
    assert held_by([], Row(0, 12, 15)) == Held(None, None, None, False)


class Refusing(MemoryProducer):
    """A producer that the topic refuses while `refuses`."""

    refuses = False

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header] = ()
    ) -> Future[int]:
        if not self.refuses:
            return super().send(topic, partition, key, value, headers)
        refused: Future[int] = Future()
        refused.set_exception(LogDenied("denied"))
        return refused


class Site:
    """One partition's owner, its results topic, and time that stands still unless moved."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log = MemoryLog()
        create_topics(self.log, SETTINGS)
        self.results = Results("demo", keeps_recent=True)
        self.producer = Refusing(self.log)
        self.history = History(SETTINGS, self.log, self.producer, Clock(monotonic=lambda: self.now))
        self.owned = self.claim()

    def claim(self) -> ClaimedPartition:
        return owner(Change(), 0)

    def publish(self, version: int, applied: int) -> None:
        value = manifest(version + 1, applied, (applied,)).encode()
        self.results.merge([Entry(0, version, 0, manifest_key("demo", 0), value)])

    def turn(self, times: int = 2) -> None:
        for _ in range(times):
            self.history.turn(self.owned, self.results)

    def told(self) -> list[PublishedVersion]:
        read = [read_version(record.value) for record in self.log.read(SETTINGS.history_topic, 0, 0, 99)]
        return [message for message in read if message is not None]

    def follows(self) -> dict[int, bool]:
        return {version.version: version.follows for version in versions_of(self.told())}


def test_each_manifest_is_told_once_under_a_claim() -> None:
    site = Site()
    for version in range(1, 12):
        site.publish(version, version)
        site.turn()

    assert [one.version for one in site.told()] == list(range(1, 12))
    assert site.owned.counters["versions_told"] == 11
    assert site.history.trouble == ""


def test_a_manifest_that_changes_nothing_is_told_after_a_while_so_that_no_gap_is_left() -> None:
    site = Site()
    site.publish(1, 1)
    site.turn()
    again = manifest(9, 5, (1,)).encode()
    site.results.merge([Entry(0, 7, 0, manifest_key("demo", 0), again)])
    site.now += 59
    site.turn()
    assert [one.version for one in site.told()] == [1]

    site.now += 1
    site.turn(5)
    site.publish(9, 9)
    site.turn()

    assert [(one.version, one.after, len(one.shards)) for one in site.told()] == [(1, None, 1), (7, 1, 0), (9, 7, 1)]
    assert site.follows() == {1: False, 7: True, 9: True}
    # Compaction leaves the one that changed nothing: what is read there now is no gap
    found = versions_of([*site.told()[:2], *told_of([(7, manifest(9, 5, (1,)))])])
    assert [(one.version, one.follows) for one in found] == [(1, False), (7, True)]
    assert found[0].shards == found[1].shards


def test_manifests_that_change_nothing_do_not_push_out_those_that_do() -> None:
    site = Site()
    site.publish(1, 1)
    site.turn()
    for version in range(2, 30):
        value = manifest(version + 1, version, (1,)).encode()
        site.results.merge([Entry(0, version, 0, manifest_key("demo", 0), value)])
    site.publish(30, 30)

    site.turn()

    assert site.follows() == {1: False, 30: True}


def test_what_an_owner_could_not_tell_any_more_is_told_by_the_next() -> None:
    site = Site()
    site.publish(1, 1)
    site.turn()
    # Given manifests that are out, and not told
    site.publish(2, 2)
    site.publish(3, 3)

    site.owned = site.claim()
    site.turn()
    site.publish(4, 4)
    site.turn()

    assert site.follows() == {1: False, 2: True, 3: True, 4: True}


def test_versions_that_nobody_knows_any_more_are_a_gap() -> None:
    site = Site()
    site.publish(1, 1)
    site.turn()
    for version in range(2, 9):
        site.publish(version, version)

    site.turn()
    site.publish(9, 9)
    site.turn()

    assert site.follows() == {1: False, 5: False, 6: True, 7: True, 8: True, 9: True}


def test_a_topic_that_is_missing_is_told_of_and_looked_for_again() -> None:
    site = Site()
    site.log.delete_topic(SETTINGS.history_topic)
    site.publish(1, 1)
    site.turn()
    assert "no history of versions is kept" in site.history.trouble

    # Then it isn't asked for at each turn
    create_topics(site.log, SETTINGS)
    site.turn()
    assert site.told() == []
    site.now += 61
    site.turn()

    assert (site.follows(), site.history.trouble) == ({1: False}, "")


def test_a_topic_that_refuses_is_left_alone_for_a_while_and_then_told_all_that_is_known() -> None:
    site = Site()
    site.publish(1, 1)
    site.turn()
    site.producer.refuses = True
    site.publish(2, 2)
    site.turn()
    site.publish(3, 3)
    site.turn()
    assert "denied" in site.history.trouble

    site.producer.refuses, site.now = False, 61
    site.turn()

    assert (site.follows(), site.history.trouble) == ({1: False, 2: True, 3: True}, "")


def test_an_outage_of_the_log_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site()

    def away(_: str) -> int:
        raise LogUnavailable("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(site.log, "partitions", away)
        site.publish(1, 1)
        site.turn()
    assert "no answer" in site.history.trouble

    site.now += 61
    site.turn()

    assert site.follows() == {1: False}

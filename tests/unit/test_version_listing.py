"""The list of versions: what is a gap, what isn't known, and how the newest stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import numpy as np
import pytest

from tests.harness.settings import settings_of
from tests.unit.test_history import manifest
from tests.unit.test_version_counts import Rows
from unlearn.admin.versions.listing import Lister
from unlearn.admin.versions.report import VersionTold
from unlearn.admin.versions.source import Source
from unlearn.admin.versions.standing import standing_of
from unlearn.errors import Refused
from unlearn.results.history import Chain, shards_of, tell_again
from unlearn.results.manifest import Heartbeat, Manifest
from unlearn.results.results_topic import Published, Results
from unlearn.results.versions import Version, told_of, versions_of
from unlearn.verification.reference_subjects import NEVER

NOW = 1000.0
PUBLISHED = [
    (3, manifest(1, 0, (0, 0), (0, 0))),
    (5, manifest(2, 20, (20, 0), (2, 0))),
    (6, manifest(3, 30, (20, 20), (1, 1))),
    (9, manifest(4, 40, (20, 30), (1, 2))),
]
ROWS = Rows(np.array([1, 2, 12, 25]), np.array([0, 0, 1, 1], np.int32), np.array([21, NEVER, NEVER, NEVER]))


class KnownSource:
    """What a source would have read: by default of partition 0 all, without a gap."""

    def __init__(self, versions: Sequence[Version] | None = None, rows: Rows | str = ROWS) -> None:
        self.settings = settings_of(model="demo")
        self.results = Results("demo")
        self.results.partitions[0] = standing(PUBLISHED[-1][1], 9)
        self.windows: list[int | None] = []
        self._versions = versions_of(told_of(PUBLISHED)) if versions is None else list(versions)
        self._rows = rows

    def clock(self) -> float:
        return NOW

    def versions(self, partitions: Collection[int], since: int | None = None) -> dict[int, list[Version]]:
        self.windows.append(since)
        return {0: self._versions} if 0 in partitions else {}

    def rows(self, partition: int, stop: int) -> Rows:
        assert partition == 0
        assert stop <= max(version.applied for version in self._versions)
        if isinstance(self._rows, str):
            raise Refused(self._rows)
        return self._rows


def standing(newest: Manifest, offset: int, beat: Heartbeat | None = None, at: float = NOW) -> Published:
    own = Heartbeat(counter=1, nonce="a" * 32, sequence=newest.sequence)
    return Published(manifest=newest, offset=offset, heartbeat=beat or own, heartbeat_at=at, highest_counter=1)


def last(source: KnownSource, number: int = 20, *, counts: bool = True) -> list[VersionTold]:
    return Lister(cast(Source, source), counts=counts).last(number, [0])


def numbers(one: VersionTold) -> tuple[int | None, ...]:
    return one.version, one.before, one.learned, one.forgotten, one.replaced, one.withheld


def test_each_version_is_compared_with_the_one_before() -> None:
    told = last(KnownSource())

    assert [numbers(one) for one in told] == [
        (3, None, None, None, None, None),
        (5, 3, 2, 0, 0, 0),
        (6, 5, 1, 1, 0, 0),
        (9, 6, 1, 0, 0, 0),
    ]
    assert [one.unknown for one in told] == ["the version before it isn't known", None, None, None]
    assert [one.standing for one in told] == ["replaced"] * 3 + ["in force"]
    assert (told[-1].newest, told[-1].owner) == (9, PUBLISHED[-1][1].token)
    assert (told[0].newest, told[0].owner, told[0].vouched_at) == (None, None, None)


def test_the_last_few_are_listed_and_no_more_is_read_than_they_need() -> None:
    source = KnownSource()

    assert [numbers(one)[:2] for one in last(source, 2)] == [(6, 5), (9, 6)]
    assert len(source.windows) == 1
    assert len(last(source, 4)) == 4
    assert source.windows[-1] is None
    assert source.windows.count(None) == 1


def test_a_version_that_is_not_known_is_a_gap_and_counts_say_since_when() -> None:
    lost = [message for message in told_of(PUBLISHED) if message.version not in (5, 6)]
    # The newest is told anew, as by an owner that has claimed
    told = last(KnownSource(versions_of([*lost, *told_of(PUBLISHED[-1:])])))

    assert [(one.version, one.before, one.follows) for one in told] == [(3, None, False), (9, 3, False)]
    assert numbers(told[1])[2:] == (3, 0, 0, 0)


@pytest.mark.parametrize("vouched", [True, False])
def test_what_is_told_again_is_no_version_of_its_own_unless_others_may_lie_between(vouched: bool) -> None:
    again = manifest(9, 50, (20, 30), (1, 2))
    chain = Chain(9, shards_of(PUBLISHED[-1][1]), 0)
    _, same = tell_again(chain, 11, again)
    assert same is not None
    source = KnownSource(versions_of([*told_of(PUBLISHED), *([same] if vouched else told_of([(11, again)]))]))
    source.results.partitions[0] = standing(again, 11)

    told = [(one.version, one.follows, one.newest) for one in last(source)]

    assert told[3:] == ([(9, True, 11)] if vouched else [(9, True, None), (11, False, 11)])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("the log begins at 9, the model at 0", "the log begins at 9, the model at 0"),
        (ROWS._replace(deaths=np.array([21, 22, NEVER, NEVER])), "by the log shard 0 of version 6 has 0 rows"),
    ],
)
def test_counts_that_the_log_does_not_give_are_unknown(rows: Rows | str, said: str) -> None:
    told = last(KnownSource(rows=rows))[2]

    assert numbers(told)[2:] == (None,) * 4
    assert said in (told.unknown or "")


def test_without_counts_the_log_is_not_read() -> None:
    told = last(KnownSource(rows=cast(Any, None)), counts=False)

    assert {one.unknown for one in told} == {"not asked for"}


def test_how_a_newest_version_stands() -> None:
    newest = PUBLISHED[-1][1]
    stranger = Heartbeat(counter=1, nonce="b" * 32, sequence=4)
    replaced = standing(newest, 9)
    replaced.highest_counter = 2

    assert standing_of(standing(newest, 9), NOW + 19.9, 20.0) == "in force"
    assert standing_of(standing(newest, 9), NOW + 20.0, 20.0) == "not leased"
    assert standing_of(standing(newest, 9, stranger), NOW, 20.0) == "not leased"
    assert standing_of(replaced, NOW, 20.0) == "owner replaced"
    assert standing_of(Published(), NOW, 20.0) == "owner replaced"

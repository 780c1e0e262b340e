"""Which version may be loaded: none with a dead row, and none of which that isn't known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.unit.test_history import manifest
from tests.unit.test_version_counts import Rows
from unlearn.admin.versions.pinning import Part, at_version, pinned
from unlearn.errors import VersionRefused
from unlearn.results.manifest import Manifest
from unlearn.results.versions import Version, told_of, versions_of
from unlearn.verification.reference_subjects import NEVER


def entries(given: Manifest, *digests: str) -> Manifest:
    shards = [e.model_copy(update={"digest": d * 64, "file": d}) for e, d in zip(given.shards, digests, strict=True)]
    return given.model_copy(update={"shards": tuple(shards)})


THEN = entries(manifest(1, 20, (20, 20), (2, 1)), "a", "b")
NOW = entries(manifest(2, 40, (30, 20), (3, 1)), "c", "b")
VERSION, NEWER = versions_of(told_of([(5, THEN), (8, NOW)]))
LIVE = Rows(np.array([0, 1, 5, 25]), np.array([0, 0, 1, 0], np.int32), np.array([NEVER] * 4))
ALL = Part(VERSION, NOW, THEN, LIVE, 50)


def killed(death: int, row: int = 0) -> Rows:
    deaths = LIVE.deaths.copy()
    deaths[row] = death
    return LIVE._replace(deaths=deaths)


def files(given: Manifest) -> list[str]:
    return [entry.file for entry in given.shards]


def test_a_version_whose_rows_live_is_loaded_by_its_own_states_or_by_those_in_force() -> None:
    assert files(pinned(5, {0: ALL})[0]) == ["a", "b"]
    assert files(pinned(8, {0: Part(NEWER, NOW, NOW, LIVE, 50)})[0]) == ["c", "b"]


def test_a_version_of_which_all_states_are_in_force_needs_neither_log_nor_manifest() -> None:
    assert files(pinned(8, {0: Part(NEWER, NOW, None, "the log is cut", 50)})[0]) == ["c", "b"]
    # A slice without rows of the shard ended: it reaches further by the same state
    further = entries(manifest(2, 40, (30, 30), (3, 1)), "a", "b")
    before = VERSION._replace(shards={**VERSION.shards})
    assert files(pinned(5, {0: Part(before, further, THEN, "the log is cut", 50)})[0]) == ["a", "b"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (killed(45), r"version 5 holds records that were deleted since \(1 deleted, 0 replaced"),
        (killed(25), r"version 5 holds records that were deleted since \(0 deleted, 1 replaced"),
        ("the log begins at 9", "whether version 5 holds records that were deleted since isn't known.*begins at 9"),
        (killed(10), "isn't known.*by the log shard 0 of version 5 has 1 rows, and it says 2"),
    ],
)
def test_one_with_a_row_that_died_or_may_have_died_is_refused(rows: Any, said: str) -> None:
    """Also where the deletion isn't applied yet."""
    with pytest.raises(VersionRefused, match=said):
        pinned(5, {1: Part(NEWER, NOW, None, LIVE, 50), 0: ALL._replace(rows=rows)})


def test_a_row_that_died_in_a_state_in_force_is_left_to_its_owner() -> None:
    assert files(pinned(5, {0: ALL._replace(rows=killed(45, row=2))})[0]) == ["a", "b"]


@pytest.mark.parametrize("other", [None, manifest(1, 20, (10, 20), (2, 1))])
def test_one_without_its_manifest_is_refused(other: Manifest | None) -> None:
    with pytest.raises(VersionRefused, match="the states of version 5 can't be named any more"):
        pinned(5, {0: ALL._replace(manifest=other)})


def test_one_that_is_not_known_is_refused() -> None:
    with pytest.raises(VersionRefused, match="what version 5 held isn't known: partition 0: a gap"):
        pinned(5, {0: ALL._replace(version="a gap")})


def test_a_shard_that_had_no_rows_takes_no_part() -> None:
    empty = versions_of(told_of([(5, manifest(1, 20, (0, 20), (0, 1)))]))[0]
    (found,) = (pinned(5, {0: ALL._replace(version=empty)}).values(),)
    assert [entry.status for one in found for entry in one.shards] == ["left-out", "current"]


def listed(*numbers: int, gap: int = -1) -> list[Version]:
    return [VERSION._replace(version=number, follows=number != gap) for number in numbers]


def test_a_results_offset_names_the_newest_version_of_a_partition_there() -> None:
    versions = listed(5, 8, 13, gap=13)

    assert at_version(versions, 5) == versions[0]
    assert at_version(versions, 7) == versions[0]
    assert at_version(versions, 9) == "versions between 8 and 13 aren't known"
    assert at_version(versions, 99) == versions[2]
    assert at_version(versions, 4) == "the history doesn't reach back so far"

"""What a page gets: of bounded size, without the ids that it must not have, and the same again for the same reading."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

import unlearn.console
from tests.harness.console import LEASE, NOW, partition, seen, tables
from tests.unit.console.test_findings import WRONG, published
from unlearn.admin.status.partition_status import Deletions, ShardStatus
from unlearn.console.shown.partition_state import WORST_FIRST
from unlearn.console.shown.parts import State
from unlearn.console.shown.seen import ScorerSaid
from unlearn.console.shown.snapshot import snapshot_of
from unlearn.partition.tables import OpenRange, Pending, Slice, Unresolved

MOST_BYTES = 1024 * 1024
META = {"owner": "host:17", "token": "3:ff"}


def test_states_are_the_worst_that_can_be_said() -> None:
    states: dict[str, dict[str, Any]] = {
        "well": {},
        "stopped": {"stopped": "cut", "quiet": True, "heartbeat_age": 99.0, "deletions": Deletions(overdue=1)},
        "overdue": {"deletions": Deletions(overdue=1), "heartbeat_age": 99.0, "quarantined": (1,)},
        "unclaimed": {"owner": None, "counter": None, "heartbeat_age": None},
        "unheard": {"heartbeat_age": 99.0, "quiet": True},
        "given-up": {"quarantined": (1, 3), "quiet": True},
        "quiet": {"quiet": True, "trouble": "t"},
        "waits": {"trouble": "t", "lag": 3},
        "late": {"lag": 3},
    }
    given = [partition(number, **changed) for number, changed in enumerate(states.values())]
    shown = snapshot_of(seen(*given, came={len(states) - 1: NOW / 1000 - 999}), LEASE)
    assert [one.state for one in shown.partitions] == list(states)
    assert [one.why for one in shown.partitions if one.state in ("stopped", "given-up")] == ["cut", "shards: 1, 3"]


@pytest.mark.parametrize("what", WRONG)
def test_no_partition_is_well_of_which_the_first_lines_say_otherwise(what: str) -> None:
    shown = snapshot_of(WRONG[what][1](), LEASE)
    of_the_model_alone = {"Redis", "a store", "not believed"}
    assert all(one.state == "well" for one in shown.partitions) == (what in of_the_model_alone)


def test_a_partition_without_a_version_in_force_is_not_well() -> None:
    (vouched,) = snapshot_of(seen(partition(), published={0: published()}), LEASE).partitions
    (shown,) = snapshot_of(seen(partition(), published={0: published(counter=4)}), LEASE).partitions
    assert (vouched.state, shown.state) == ("well", "unserved")


def test_the_page_has_a_sign_and_a_word_for_each_state() -> None:
    pages = Path(unlearn.console.__file__).parent / "pages"
    (listed,) = re.findall(r"const STATES = \{(.*?)\n\};", (pages / "tables.js").read_text("utf-8"), re.DOTALL)
    assert set(re.findall(r'"?([\w-]+)"?: \[', listed)) == set(get_args(State)) == set(WORST_FIRST)
    style = (pages / "console.css").read_text("utf-8")
    assert all(f".state.{name}" in style for name in get_args(State))


def test_deletions_are_by_deadline_with_what_they_wait_for() -> None:
    pending = {5: Pending(NOW - 1000, NOW + 9000), 9: Pending(NOW - 2000, NOW - 1)}
    view = tables(meta={**META, "applied": 20}, pending=pending)
    shown = snapshot_of(seen(partition(deletions=Deletions(2, 2.0, 1)), views={0: view}, event_ids={5: "e5"}), LEASE)

    late, other = shown.deletions
    assert (late.offset, late.overdue, late.event_id) == (9, True, None)
    assert (other.offset, other.overdue, other.event_id, other.deadline) == (5, False, "e5", NOW + 9000)
    assert other.waits_for == ("a manifest of partition 0 that covers offset 5",)
    assert shown.totals["oldest_pending"] == NOW - 2000


def test_possible_deletions_are_a_list_of_their_own() -> None:
    view = tables(
        meta=META,
        unresolved={8: Unresolved("not JSON", NOW + 5, NOW)},
        open_ranges={20: OpenRange("no label", NOW - 5, NOW - 9, 40, 11, "20 9 11 1")},
    )
    shown = snapshot_of(seen(partition(deletions=Deletions(unresolved=12)), views={0: view}), LEASE)
    assert [(one.first, one.last, one.count, one.reason, one.overdue) for one in shown.possible] == [
        (20, 40, 11, "no label", True),
        (8, 8, 1, "not JSON", False),
    ]
    assert shown.deletions == ()


def test_workers_are_those_that_claimed() -> None:
    first, second = partition(0, lag=4), partition(2, quiet=True, owner="other:1", lag=1)
    shown = snapshot_of(seen(first, partition(1), second, asked=["retry:1", "resume"]), LEASE)
    assert [(one.worker, one.partitions, one.lag, one.heard, one.quiet) for one in shown.workers] == [
        ("host:17", (0, 1), 4, True, False),
        ("other:1", (2,), 1, True, True),
    ]
    silent = snapshot_of(seen(partition(heartbeat_age=99.0)), LEASE)
    assert [one.heard for one in silent.workers] == [False]
    assert shown.workers[1].asked == ("resume",)
    assert shown.partitions[0].asked == ("retry:1", "resume")


def large() -> Any:
    """A model as large as one may be, with whatever can be long being long."""
    shards = tuple(ShardStatus(number, "current", 10**9, 10**6, 8, 10**6) for number in range(40))
    view = tables(
        meta={**META, "applied": 10**9},
        slices={(shard, end): Slice(1, 10**6, -1, "f", 10**6, 7) for shard in range(40) for end in range(1, 101)},
        pending={at: Pending(NOW, NOW + at) for at in range(1000)},
        unresolved={at: Unresolved("r" * 3000, NOW, NOW) for at in range(200)},
    )
    letters = {f"{at} {'x' * 3000}": at for at in range(500)}
    some = Deletions(1000, 1.0, 0, 200)
    given = [
        partition(
            n, shards=shards, dead_letters=letters, deletions=some, trouble="t" * 3000, quarantined=tuple(range(40))
        )
        for n in range(300)
    ]
    ids = dict.fromkeys(range(1000), "<img src=x onerror=alert(1)>" * 18)
    return seen(*given, views=dict.fromkeys(range(300), view), event_ids=ids, scorers=[ScorerSaid("http://s")])


def test_a_large_model_makes_no_large_page_and_what_is_left_off_is_counted() -> None:
    shown = snapshot_of(large(), LEASE)

    assert len(json.dumps(shown.to_json())) < MOST_BYTES
    assert (len(shown.partitions), shown.left_off["partitions"]) == (100, 200)
    assert (sum(len(one.shards) for one in shown.maps), shown.left_off["shards"]) == (200, 300 * 40 - 200)
    assert (len(shown.deletions), shown.left_off["deletions"]) == (100, 300_000 - 100)
    assert (len(shown.possible), shown.left_off["possible"]) == (100, 60_000 - 100)
    assert (len(shown.dead_letters), shown.left_off["dead_letters"]) == (50, 450)
    assert shown.totals["partitions"] == 300


def test_of_many_partitions_those_that_are_worst_off_are_shown() -> None:
    given = [partition(n, lag=1) for n in range(150)]
    given[120] = partition(120, stopped="cut")
    given[140] = partition(140, lag=99)
    shown = snapshot_of(seen(*given), LEASE)
    numbers = [one.partition for one in shown.partitions]
    assert numbers == sorted(numbers)
    assert {120, 140} <= set(numbers)


@pytest.mark.parametrize("reading", [lambda: seen(partition()), lambda: seen(partition(lag=9, heartbeat_age=30.5))])
def test_time_alone_changes_nothing(reading: Any) -> None:
    """Else every page would get all of it every second: ages are for the page to tell."""
    before, after = reading(), reading()._replace(at=NOW + 1000)
    first, second = (snapshot_of(one, LEASE).to_json() for one in (before, after))
    assert {**first, "at": 0} == {**second, "at": 0}

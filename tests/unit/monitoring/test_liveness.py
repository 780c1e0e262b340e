"""What counts as standing still, and as ready."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from unlearn.monitoring.liveness import Liveness, readiness
from unlearn.monitoring.snapshot import PartitionFacts, Snapshot

FACTS = PartitionFacts(10, (10, 1), False, False, 0, 5, 0, {"current": 2}, 0, None, 0, 0, 0, None, 0.0, 0, None)
AT_END, BEHIND = {0: 10}, {0: 20}


def snapshot(at: float, *facts: PartitionFacts, **changed: Any) -> Snapshot:
    given = dict(enumerate(facts))
    whole = Snapshot(at, given, {}, len(facts), True, "", "", (), False, Counter(), (), ([], 0.0), None)
    return whole._replace(**changed)


def stuck(facts: PartitionFacts, ends: dict[int, int], **changed: Any) -> dict[str, float]:
    """After 40 seconds with the same facts, of which 30 are allowed."""
    found = Liveness(30.0)
    for at in (0.0, 20.0, 40.0):
        found.look(snapshot(at, facts, **changed), ends)
    return found.stuck(40.0, 40.0)


def test_a_partition_that_is_behind_and_does_not_move_is_stuck() -> None:
    assert stuck(FACTS, BEHIND) == {"partition 0": 40.0}


def test_so_is_one_with_work_under_way_that_does_not_move() -> None:
    assert stuck(FACTS._replace(busy=True), AT_END) == {"partition 0": 40.0}


@pytest.mark.parametrize(
    ("facts", "ends", "changed"),
    [
        (FACTS, AT_END, {}),
        (FACTS, {}, {}),
        (FACTS._replace(held=True), BEHIND, {}),
        (FACTS, BEHIND, {"unfit": "it evicts keys"}),
        (FACTS, BEHIND, {"unheard": "it is down"}),
        (FACTS, BEHIND, {"waits": (0,)}),
        (FACTS, BEHIND, {"leaving": True}),
    ],
    ids=[
        "nothing to do",
        "the end is unknown",
        "paused",
        "Redis is unfit",
        "Redis is silent",
        "the store is away",
        "leaving",
    ],
)
def test_what_no_restart_would_mend_is_not_stuck(
    facts: PartitionFacts, ends: dict[int, int], changed: dict[str, Any]
) -> None:
    assert stuck(facts, ends, **changed) == {}


def test_any_move_begins_the_time_anew() -> None:
    found = Liveness(30.0)
    for at in range(0, 100, 20):
        found.look(snapshot(at, FACTS._replace(moves=(at,))), BEHIND)
    assert found.stuck(80.0, 80.0) == {}
    found.look(snapshot(115.0, FACTS._replace(moves=(80,))), BEHIND)
    assert found.stuck(115.0, 115.0) == {"partition 0": 35.0}


def test_a_partition_that_went_and_came_begins_anew() -> None:
    found = Liveness(30.0)
    found.look(snapshot(0.0, FACTS), BEHIND)
    found.look(snapshot(20.0), BEHIND)
    found.look(snapshot(40.0, FACTS), BEHIND)
    assert found.stuck(50.0, 50.0) == {}


def test_a_loop_that_does_not_turn_is_stuck_whatever_partitions_say() -> None:
    found = Liveness(30.0)
    found.look(snapshot(0.0, FACTS), BEHIND)
    assert found.stuck(0.0, 31.0) == {"the loop": 31.0}
    assert found.stuck(5.0, 31.0) == {"partition 0": 31.0}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"assigned": 0, "partitions": {}}, ""),
        ({"assigned": 0, "partitions": {}, "joined": False}, "the group has not told it its partitions yet"),
        ({"assigned": 0, "partitions": {}, "unheard": "it is down"}, "Redis gives no answer: it is down"),
        ({"assigned": 2}, "1 of 2 partitions are not claimed yet"),
        ({"assigned": 2, "stopped": {1: "the log was cut"}}, ""),
        ({"unfit": "it evicts keys"}, "Redis can't be used: it evicts keys"),
        ({"waits": (0,)}, "the store is away for partitions 0"),
        ({"leaving": True}, "it is leaving"),
    ],
)
def test_readiness(changed: dict[str, Any], why: str) -> None:
    assert readiness(snapshot(0.0, FACTS, **changed)) == why


def test_nothing_is_ready_before_the_first_turn() -> None:
    assert readiness(None) == "it is starting"

"""Killed before and after every call that the code makes, by name, in real processes on real Kafka and Redis.

A name is a call and who makes it (`calls.py`): the names follow from what a worker does, none is listed here but
those that must be among them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.calls import Point
from tests.faults.dying import Place, Ran

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3000)]

SCRIPT = 20
APPLY = "script commit in Intake._write"
STEPS = {
    "log poll in Worker.turn",  # 1
    "script read in Intake._entries",  # 4
    APPLY,  # 6
    "send events in Outbox._batch",  # 7
    "send receipts in Outbox._batch",
    "script commit in Outbox._settle",
    "rename in write_slice",  # 8
    "script commit in Sealer._register",
    "rename in _Run._store",  # 9
    "script commit in Outcomes.take",
    "script commit in Manifests._publish",  # 10
    "send results in Manifests._send",  # 11
    "script commit in Manifests._acknowledge",
    "send receipts in Receipts._start",
    "script commit in Receipts._settle",
    "log commit in Worker._keep_house",  # 12
    "send results in Heartbeats.beat",
    "script commit in Cleaner._go_on",
    "script commit in Rewriter._register",
    "store delete in Collector._look",
    "script commit in Tailer._register",
}
CLAIM = {
    "script claim in Claimer._take",
    "redis load in Claimer.claim",
    "log read in Claimer._check_fingerprint",
    "log read in Claimer._take_up_open_slice",
    "script read in Intake._entries",
    "log seek in Assignment._claim",
    "store names in Repairer.turn",
}


@pytest.fixture(scope="module")
def place(kafka: str, redis_url: str) -> Place:
    """Background work comes at once; nobody appends a seal, so that the end is the same for all."""
    return Place(
        kafka,
        redis_url,
        SCRIPT,
        batch_records=7,
        erase_after=0.0,
        garbage_grace=0.1,
        tail_every=0.05,
        heartbeat_every=0.5,
    )


@pytest.fixture(scope="module")
def undisturbed(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return place.run(tmp_path_factory.mktemp("undisturbed"), {"undisturbed": []})["undisturbed"]


@pytest.fixture(scope="module")
def names(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """Of all calls of a worker that is left alone for a while. A script is sent only once to a Redis."""
    ran = place.run(tmp_path_factory.mktemp("names"), {"names": []}, first=["work"], ended_after=12)["names"]
    assert ran.codes == [0], ran.errors
    return Counter({name: times for name, times in ran.calls.items() if not name.startswith("script load")})


def test_every_step_makes_its_calls(names: Counter[str]) -> None:
    assert STEPS - set(names) == set()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_killed_at_any_call(
    place: Place, tmp_path: Path, names: Counter[str], undisturbed: Ran, after: bool
) -> None:
    """At the first and the middle call of every name."""
    points = {f"{name}, {nth}": [Point(name, nth, after)] for name in names for nth in {1, (names[name] + 1) // 2}}

    ran = place.run(tmp_path, points, first=["work"], within=2500)

    assert wrong(ran, [-9, 0], undisturbed) == {}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_process_killed_in_taking_up_what_a_killed_one_left(
    place: Place, tmp_path: Path, names: Counter[str], undisturbed: Ran, after: bool
) -> None:
    """At every call of the second process's claims; the first one had rows in memory alone."""
    first = Point(APPLY, names[APPLY] // 2, True)

    ran = place.run(tmp_path, {name: [first, Point(name, 1, after)] for name in CLAIM}, within=1500)

    assert wrong(ran, [-9, -9, 0], undisturbed) == {}


def wrong(ran: dict[str, Ran], codes: list[int], undisturbed: Ran) -> dict[str, object]:
    """What came to another end, or not by that way."""
    found: dict[str, object] = {name: one.errors[-800:] for name, one in ran.items() if one.codes != codes}
    return found | {name: one.end for name, one in ran.items() if one.codes == codes and one.end != undisturbed.end}

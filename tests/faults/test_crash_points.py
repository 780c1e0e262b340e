"""Killed before and after every external call, and started again: the end state is that of an undisturbed run.

All calls of a history in this process, where a crash is an exception that nothing catches; one of each kind, before
or after it, in real processes that SIGKILL ends, on real Kafka and Redis. All of them by name, also those of background
work and of claims: `test_named_points.py`.
"""

from __future__ import annotations

import pytest

from tests.faults.calls import Point
from tests.faults.dying import Place, Ran
from unlearn.simulate.cluster import World
from unlearn.simulate.history import Shape
from unlearn.simulate.oracle import Verdict
from unlearn.simulate.run import LEARNERS
from unlearn.simulate.script import busy_script

SCRIPT = 31
POINTS = {
    "script claim": False,
    "script read": True,
    "script commit in Intake._write": False,
    "script commit in Outbox._settle": True,
    "script commit in Sealer._register": False,
    "script commit in Outcomes.take": True,
    "script commit in Manifests._publish": False,
    "script commit in Manifests._acknowledge": True,
    "script commit in Receipts._settle": False,
    "redis load": True,
    "log bounds": False,
    "log seek": True,
    "log poll": False,
    "log commit": True,
    "send events": False,
    "send results": True,
    "send receipts": False,
    "send dead-letters": True,
    "store put": False,
    "fsync": True,
    "rename": False,
}
"""Kinds of calls, and whether it dies after the call; before and after each: `test_named_points.py`."""
CALM = 1 << 40


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_crash_at_any_call_changes_nothing(redis_url: str, learner: str, after: bool) -> None:
    _history(redis_url, learner, CALM, after)  # loads the scripts
    undisturbed, calls, crashes = _history(redis_url, learner, CALM, after)
    assert crashes == 0
    assert calls > 100

    # After one call is before the next: both learners together meet every instant.
    for n in range(LEARNERS.index(learner) + after, calls, 4):
        states, _, crashes = _history(redis_url, learner, n, after)
        assert crashes == 1, n
        assert states == undisturbed, n


def _history(redis_url: str, learner: str, n: int, after: bool) -> tuple[object, int, int]:
    """(published states, calls until the end, crashes) where the n-th call is the last."""
    whole = busy_script(11)
    world = World(whole, Shape(6, 1, 2, "auto", 0.0, 0.0, 1, erase_after=0.0), learner, redis_url)
    try:
        world.fuse(n, after, 0)
        for _ in range(6):
            world.feed(8)
            world.turn(0, 50)
            world.wait(0.6)
        left = world.place.fuse.calls
        world.drain()
        verdict = Verdict(world)
        verdict.check()
        return verdict.states(), n - left, world.counts["crashes"]
    finally:
        world.close()


# -- real processes


@pytest.fixture(scope="module")
def place(kafka: str, redis_url: str) -> Place:
    return Place(kafka, redis_url, SCRIPT)


@pytest.fixture(scope="module")
def undisturbed(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return place.run(tmp_path_factory.mktemp("undisturbed"), {"undisturbed": []})["undisturbed"]


@pytest.fixture(scope="module")
def killed(place: Place, tmp_path_factory: pytest.TempPathFactory, undisturbed: Ran) -> dict[str, Ran]:
    """Each kind's middle call, or its fifth: how often one polls is a matter of time."""
    times = undisturbed.kinds + undisturbed.calls
    points = {kind: [Point(kind, min(5, (times[kind] + 1 + after) // 2), after)] for kind, after in POINTS.items()}
    return place.run(tmp_path_factory.mktemp("killed"), points)


def test_every_kind_of_call_is_made(undisturbed: Ran) -> None:
    assert undisturbed.codes == [0], undisturbed.errors
    assert undisturbed.report.verdict == "equal"
    assert POINTS.keys() <= set(undisturbed.kinds + undisturbed.calls)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", POINTS)
def test_a_process_killed_at_a_call_loses_and_repeats_nothing(
    killed: dict[str, Ran], undisturbed: Ran, kind: str
) -> None:
    ran = killed[kind]

    assert ran.codes == [-9, 0], ran.errors
    assert ran.end == undisturbed.end

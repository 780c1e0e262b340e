"""Killed before and after every external call, and started again: the end state is that of an undisturbed run.

In this process, where a crash is an exception that nothing catches: every name of a call of a history, and in the long
run every call. One of each kind, before or after it, in real processes that SIGKILL ends, on real Kafka and Redis. All
of them by name, also those of background work and of claims: `test_named_points.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from tests.faults.calls import Point, caller
from tests.faults.dying import Place, Ran
from unlearn.simulate.cluster import World
from unlearn.simulate.fault_injection import FaultPlan
from unlearn.simulate.history import Shape
from unlearn.simulate.judging.oracle import Verdict
from unlearn.simulate.run import LEARNERS
from unlearn.simulate.script import busy_script

SCRIPT = 9
POINTS = {
    "script claim": False,
    "script read": True,
    "script commit in Intake._write": False,
    "script commit in Manifests._publish": True,
    "redis load": True,
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
"""Kinds of calls, and whether it dies after the call; before and after each, and the others: `test_named_points.py`."""
CALM = 1 << 40


class Names:
    """Calls a world's fault plan lets through, by who makes them and what they call."""

    def __init__(self, plan: FaultPlan) -> None:
        self.made: list[str] = []
        self._call = plan.call
        plan.call = self.call  # type: ignore[method-assign]

    def call(self, act: Callable[[], Any], error: Exception) -> Any:
        self.made.append(f"{type(error).__name__} in {caller()}")
        return self._call(act, error)


class Lived(NamedTuple):
    """A history's end: the published states, the names of its calls until it was drained, how many crashes."""

    states: object
    calls: list[str]
    crashes: int


CASES = [
    pytest.param(learner, after, every, id=f"{learner}-{when}-{which}", marks=marks)
    for every, which, marks in ((False, "names", ()), (True, "all", pytest.mark.soak))
    for after, when in ((False, "before"), (True, "after"))
    # After one call is before the next: in the suite each learner has one of the two.
    for learner in (LEARNERS if every else [LEARNERS[after]])
]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("learner", "after", "every"), CASES)
def test_a_crash_at_any_call_changes_nothing(redis_url: str, learner: str, after: bool, every: bool) -> None:
    _history(redis_url, learner, CALM, after)  # loads the scripts
    undisturbed = _history(redis_url, learner, CALM, after)
    assert undisturbed.crashes == 0
    assert len(undisturbed.calls) > 100
    assert len(set(undisturbed.calls)) > 20

    for n in range(len(undisturbed.calls)) if every else _middle_of_each(undisturbed.calls):
        states, _, crashes = _history(redis_url, learner, n, after)
        assert crashes == 1, n
        assert states == undisturbed.states, n


def _middle_of_each(calls: Sequence[str]) -> list[int]:
    """Where each name's middle call is."""
    places: dict[str, list[int]] = {}
    for n, name in enumerate(calls):
        places.setdefault(name, []).append(n)
    return [where[len(where) // 2] for where in places.values()]


def _history(redis_url: str, learner: str, n: int, after: bool) -> Lived:
    """One where the n-th call is the last."""
    whole = busy_script(33)
    world = World(whole, Shape(6, 1, 2, "auto", 0.0, 0.0, 1, erase_after=0.0), learner, redis_url)
    names = Names(world.place.fuse)
    try:
        world.fuse(n, after, 0)
        for _ in range(6):
            world.feed(8)
            world.turn(0, 50)
            world.wait(0.6)
        made = list(names.made)
        world.drain()
        verdict = Verdict(world)
        verdict.check()
        return Lived(verdict.states(), made, world.counts["crashes"])
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

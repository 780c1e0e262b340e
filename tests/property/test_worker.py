"""Any history of events, batches, clean-ups, crashes and owners gives what the reference gives, byte for byte."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.property.judging import Verdict, sent_on
from tests.property.strategies import Script
from tests.property.wires import StillTime
from tests.property.world import Action, Shape, World, busy_scripts, histories, long_scripts, shapes

SOAK = int(os.environ.get("UNLEARN_TESTS_SOAK", "0"))
"""Examples of each test in a long run, other ones each time; 0: few, and always the same."""
LEARNERS = ("naive-bayes", "linear")


def bounded(examples: int) -> settings:
    return settings(
        deadline=None,
        max_examples=SOAK or examples,
        derandomize=not SOAK,
        database=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        phases=(Phase.generate,),
    )


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.state.redis.time", StillTime())
    monkeypatch.setattr("processor.sweep._CHUNK", 2)


@pytest.mark.timeout(0 if SOAK else 120)
@pytest.mark.parametrize("learner", LEARNERS)
def test_any_history_gives_what_the_reference_gives(redis_url: str, learner: str) -> None:
    taken: Counter[str] = Counter()

    @bounded(60)
    @given(script=busy_scripts() | busy_scripts() | long_scripts(), shape=shapes(), history=histories())
    def run(script: Script, shape: Shape, history: list[Action]) -> None:
        world = World(script, shape, learner, redis_url)
        try:
            for action in history:
                world.act(action)
            world.drain()
            Verdict(world).check()
        finally:
            world.close()
        taken.update(world.counts + sent_on(world))

    run()
    must = {
        "crashes",
        "fenced",
        "restarts",
        "withdrawals",
        "overtaken",
        "sent copies",
        "sent home",
        "updates",
        "collected",
    }
    must -= {"restarts"} if learner == "naive-bayes" else set()
    must |= {"rows_forgotten"} if learner == "naive-bayes" else set()
    assert must <= {name for name, times in taken.items() if times}, taken


@pytest.mark.parametrize("learner", LEARNERS)
def test_nulls_where_the_forgotten_stood_give_the_same_states(redis_url: str, learner: str) -> None:
    """The twin: a copy of the log, headers, seals and copies included, without dead rows and deletes."""
    rows: Counter[str] = Counter()

    @bounded(12)
    @given(script=busy_scripts() | long_scripts(), shape=shapes(), history=histories())
    def run(script: Script, shape: Shape, history: list[Action]) -> None:
        world = World(script, shape, learner, redis_url)
        twin = World(script, shape, learner, redis_url)
        try:
            for action in history:
                world.act(action)
            world.drain()
            rows["nulled"] += twin.copy_without_the_dead(world, Verdict(world).found)
            twin.drain()
            first, second = Verdict(world), Verdict(twin)
            second.check_manifests()
            assert second.states() == first.states()
            rows["kept"] += sum(count for _, _, count in first.states().values())
        finally:
            world.close()
            twin.close()

    run()
    assert rows["nulled"] > 0
    assert rows["kept"] > 0

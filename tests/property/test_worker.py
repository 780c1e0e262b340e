"""Any history of events, batches, clean-ups, crashes and owners gives what the reference gives, byte for byte."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.property.judging import Verdict, sent_on
from tests.property.strategies import Script, scripts
from tests.property.wires import StillTime
from tests.property.world import Action, Shape, World, histories, shapes

SOAK = int(os.environ.get("UNLEARN_TESTS_SOAK", "0"))
"""Examples of each test in a long run, other ones each time; 0: few, and always the same."""
bounded = settings(
    deadline=None,
    max_examples=SOAK or 25,
    derandomize=not SOAK,
    database=None,
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
LEARNERS = ("naive-bayes", "linear")


def long_scripts() -> st.SearchStrategy[Script]:
    """Several scripts of one kind, one behind the other."""

    def joined(parts: list[Script]) -> Script:
        count = max(part.topic_partitions for part in parts)
        messages = tuple(message for part in parts for message in part.messages)
        return Script(parts[0].partitions, count, parts[0].subjects, messages)

    kinds = [scripts(), scripts(partitions=1), scripts(subjects=False)]
    return st.one_of([st.lists(kind, min_size=2, max_size=5).map(joined) for kind in kinds])


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.state.redis.time", StillTime())
    monkeypatch.setattr("processor.sweep._CHUNK", 2)


@pytest.mark.timeout(0 if SOAK else 120)
@pytest.mark.parametrize("learner", LEARNERS)
def test_any_history_gives_what_the_reference_gives(redis_url: str, learner: str) -> None:
    taken: Counter[str] = Counter()

    @bounded
    @given(script=long_scripts(), shape=shapes(), history=histories())
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
    print(taken)

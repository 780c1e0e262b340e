"""Any history of events, batches, clean-ups, crashes and owners gives what the reference gives, byte for byte."""

from __future__ import annotations

import json
import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.property.histories import busy_scripts, histories, lifting_scripts, long_scripts, shapes
from tests.property.twin import copy_without_the_dead
from unlearn.errors import Fenced
from unlearn.events.event import Delete, encode
from unlearn.simulate.cluster import World
from unlearn.simulate.history import Action, Shape
from unlearn.simulate.judging.oracle import Verdict, sent_on
from unlearn.simulate.script import Message, Script, busy_script

SOAK = int(os.environ.get("UNLEARN_TESTS_SOAK", "0"))
"""Examples of each test in a long run, other ones each time; 0: few, and always the same."""
LEARNERS = ("naive-bayes", "linear")
EXAMPLES = {"naive-bayes": 50, "linear": 120}
"""The rarer faults are the same for both, so that one of them meets them all."""
patient = pytest.mark.timeout(0 if SOAK else 1800)


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


@patient
@pytest.mark.parametrize("learner", LEARNERS)
def test_any_history_gives_what_the_reference_gives(redis_url: str, learner: str) -> None:
    taken: Counter[str] = Counter()

    @bounded(EXAMPLES[learner])
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
        "rolled_back",
        "rewritten",
        "tails",
        "stalls",
    }
    if learner == "naive-bayes":
        must = {"crashes", "fenced", "sent copies", "sent home", "updates", "collected", "rewritten", "rows_forgotten"}
    assert must <= {name for name, times in taken.items() if times}, taken


@patient
@pytest.mark.parametrize(
    "scripts", [busy_scripts() | long_scripts(), lifting_scripts(aliases=True)], ids=["any", "lifts"]
)
@pytest.mark.parametrize("learner", LEARNERS)
def test_nulls_where_the_forgotten_stood_give_the_same_states(
    redis_url: str, learner: str, scripts: SearchStrategy[Script]
) -> None:
    """The twin: a copy of the log, headers, seals and copies included, without dead rows and deletes."""
    rows: Counter[str] = Counter()

    @bounded(8)
    @given(script=scripts, shape=shapes(), history=histories())
    def run(script: Script, shape: Shape, history: list[Action]) -> None:
        world = World(script, shape, learner, redis_url)
        twin = World(script, shape, learner, redis_url)
        try:
            for action in history:
                world.act(action)
            world.drain()
            rows["nulled"] += copy_without_the_dead(twin, world, Verdict(world).found)
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


@pytest.mark.parametrize("read_at", [0, 2])
def test_a_deletion_that_cannot_be_copied_is_never_hidden(redis_url: str, read_at: int) -> None:
    delete = encode(Delete(event_id="d", record_id="r", requested_at="2023-01-01"))
    script = Script(2, 3, True, (Message(read_at, b"r", delete),))
    world = World(script, Shape(5, 1, 2, "auto", 0.0, 0.0, workers=1), "linear", redis_url)
    world.members[0].wire.sends.refused = {(world.settings.events_topic, 1)}
    try:
        world.drain()
        said = [json.loads(r.value or b"")["state"] for r in world.log.read(world.settings.receipts_topic, 0, 0, 99)]
        assert set(said) == {"accepted", "refused"}
        assert list(world.members[0].worker.owned[read_at].view.unresolved) == [0]
        assert world.log.bounds(world.settings.dead_letters_topic)[0] == (0, 1)
    finally:
        world.close()


def test_an_owner_of_before_deletes_none_of_its_successors_files(redis_url: str) -> None:
    script = busy_script(1)
    world = World(script, Shape(5, 1, 2, "auto", 0.0, 0.0, workers=1), "linear", redis_url)
    try:
        world.feed(len(script.messages) // 2)
        for _ in range(20):
            world.turn(0, 50)
            world.wait(0.6)
        world.zombie(0)
        old = world.zombies.pop().worker
        world.drain()
        world.wait(200.0)
        files = set(world.store.files)
        for owned in old.owned.values():
            with pytest.raises(Fenced):
                old._collector.turn(owned)
        assert len(old.owned) == script.partitions
        assert set(world.store.files) == files
    finally:
        world.close()

"""What `unlearn verify --from-log` makes of a log, packed and read twice, against the replay in plain dicts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.replayed import replayed
from tests.property.histories import busy_scripts, lifting_scripts
from tests.property.strategies import model_of, scripts
from unlearn.simulate.replay import Replay
from unlearn.simulate.script import CLASSES, Script
from unlearn.verification.reference import Model
from unlearn.verification.reference_fold import fold
from unlearn.verification.reference_rows import members_of
from unlearn_models import make_learner

LEARNERS = [make_learner(name, CLASSES, 64) for name in ("naive-bayes", "linear")]
SHARDS = 3
untimed = settings(deadline=None, max_examples=50)
ANY_SCRIPT = busy_scripts() | lifting_scripts() | scripts(max_size=80) | scripts(subjects=False) | scripts(partitions=1)


def a_model(script: Script, place: int = 0) -> Model:
    return model_of(script, Model(1, SHARDS, 7, True, b"a secret of tests", LEARNERS[place]))


@untimed
@given(ANY_SCRIPT)
def test_rows_deaths_and_slice_ends_are_the_replays(script: Script) -> None:
    for partition in range(script.topic_partitions):
        replayed(a_model(script), partition, script.entries(partition))


@pytest.mark.parametrize("place", range(len(LEARNERS)))
@untimed
@given(script=ANY_SCRIPT, chance=st.randoms(use_true_random=False))
def test_states_are_the_replays_at_any_ends_as_of_any_applied(
    place: int, script: Script, chance: random.Random
) -> None:
    for partition in range(script.partitions):
        model, entries = a_model(script, place), script.entries(partition)
        found, members = replayed(model, partition, entries), members_of(model, partition, entries)
        for _ in range(8):
            applied = chance.randint(0, script.end(partition))
            through = _any_ends(found, applied, chance)
            assert fold(model, members, entries, through, applied) == found.states(through, applied)


def _any_ends(found: Replay, applied: int, chance: random.Random) -> dict[int, int]:
    """Some shards, each with a slice end up to `applied` of its own."""
    ends = [end for end in range(applied + 1) if found.is_end(end)]
    return {shard: chance.choice(ends) for shard in range(SHARDS) if chance.random() < 0.8}

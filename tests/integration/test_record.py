"""Where records and subjects stand, after a worker has applied their events to a real Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.harness.events import at
from tests.harness.settings import SECRET
from tests.harness.worker_harness import WorkerHarness
from unlearn.admin.lookup import Found
from unlearn.environment.redis_client import connect
from unlearn.errors import IdentityChanged, StateMissing, StateUnavailable
from unlearn.events.partitioner import Digests, shard_of

ZERO, ONE = at(0), at(1)
"""A subject at home in each partition."""


def shard(subject: str) -> int:
    return shard_of(Digests(SECRET.encode()).subject(subject), 2)


def test_a_member_stands_at_its_slot_shard_and_slice(harness: WorkerHarness) -> None:
    digests = Digests(SECRET.encode())
    record = next(name for name in map(str, range(99)) if shard_of(digests.record(name), 2) != shard(ONE))
    _, slot = harness.insert(record, ONE, revision=7)
    harness.apply()
    assert harness.lookup().records([record]) == [[Found("member", 1, slot, shard(ONE), None, 7)]]

    harness.fill(1, 10)
    harness.apply()
    assert harness.lookup().records([record]) == [[Found("member", 1, slot, shard(ONE), 10, 7)]]


def test_a_record_without_a_subject_has_the_shard_of_its_own_digest(harness: WorkerHarness) -> None:
    partition, slot = harness.insert("alone")
    harness.apply()
    mine = shard_of(Digests(SECRET.encode()).record("alone"), 2)
    assert harness.lookup().records(["alone"]) == [[Found("member", partition, slot, mine, None, 0)]]


def test_one_id_under_several_subjects_has_a_place_for_each(harness: WorkerHarness) -> None:
    first, second = harness.insert("r", ZERO), harness.insert("r", ONE)
    harness.apply()
    harness.delete("r", ONE)
    harness.apply()
    lookup = harness.lookup()
    here = Found("member", *first, shard(ZERO), None, 0)
    there = Found("forgotten", second[0], shard=shard(ONE))
    assert lookup.records(["r"]) == [[here, there]]
    assert lookup.records_of(["r"], ZERO) == [here]
    assert lookup.records_of(["r"], ONE) == [there]


def test_a_deleted_revision_is_named_and_a_higher_one_is_a_member_again(harness: WorkerHarness) -> None:
    harness.insert("r", ZERO, revision=2)
    harness.delete("r", ZERO, revision=5)
    harness.apply()
    assert harness.lookup().records(["r"]) == [[Found("forgotten", 0, shard=shard(ZERO), revision=5)]]
    _, slot = harness.insert("r", ZERO, revision=6)
    harness.apply()
    assert harness.lookup().records(["r"]) == [[Found("member", 0, slot, shard(ZERO), None, 6)]]


def test_an_id_deleted_under_every_subject_is_forgotten_under_each(harness: WorkerHarness) -> None:
    harness.insert("r", ZERO)
    harness.insert("r", ONE)
    harness.delete("r")
    harness.delete("early")
    harness.apply()
    zero, one = Found("forgotten", 0, shard=shard(ZERO)), Found("forgotten", 1, shard=shard(ONE))
    assert harness.lookup().records(["r", "early", "never"]) == [[zero, one], [Found("forgotten")], [Found("unknown")]]
    assert harness.lookup().records_of(["r", "early", "never"], ONE) == [
        one,
        Found("forgotten", 1),
        Found("unknown", 1),
    ]


def test_a_deleted_subjects_record_is_forgotten_before_its_clean_up(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.worker._cleaner, "turn", lambda _, *, gathers: None)
    harness.insert("r", ZERO)
    _, bystander = harness.insert("r", at(0, prefix="other"))
    _, death = harness.delete(subject=ZERO)
    for _ in range(20):
        harness.worker.turn(0)
    assert harness.worker.owned[0].view.cleanups  # the path: nothing is buried yet
    forgotten, member = sorted(harness.lookup().records(["r"])[0], key=lambda place: place.state)
    assert forgotten == Found("forgotten", 0, death, shard(ZERO))
    assert (member.state, member.offset) == ("member", bystander)


def test_after_the_clean_up_it_stays_forgotten_and_its_subject_tells_the_offset(harness: WorkerHarness) -> None:
    harness.insert("r", ZERO)
    _, death = harness.delete(subject=ZERO)
    harness.apply()
    assert not harness.worker.owned[0].view.cleanups
    assert harness.lookup().records(["r"]) == [[Found("forgotten", 0, shard=shard(ZERO))]]
    assert harness.lookup().records_of(["r", "x"], ZERO) == [Found("forgotten", 0, death, shard(ZERO))] * 2


def test_a_record_that_came_after_its_subjects_deletion_is_forgotten_too(harness: WorkerHarness) -> None:
    _, death = harness.delete(subject=ZERO)
    harness.insert("late", ZERO)
    harness.apply()
    assert harness.lookup().records(["late"]) == [[Found("forgotten", 0, shard=shard(ZERO))]]
    assert harness.lookup().records_of(["late", "never"], ZERO) == [Found("forgotten", 0, death, shard(ZERO))] * 2


def test_a_late_record_leaves_its_namesakes_as_they_are(harness: WorkerHarness) -> None:
    _, slot = harness.insert("r", ONE)
    harness.delete(subject=ZERO)
    harness.insert("r", ZERO)
    harness.apply()
    here, there = Found("forgotten", 0, shard=shard(ZERO)), Found("member", 1, slot, shard(ONE), None, 0)
    assert harness.lookup().records(["r"]) == [[here, there]]


def test_subjects_are_members_from_their_first_row_to_their_deletion(harness: WorkerHarness) -> None:
    _, first = harness.insert("a", ZERO)
    harness.insert("b", ZERO)
    harness.insert("a", ONE)
    _, death = harness.delete(subject=ONE)
    harness.apply()
    never = at(1, prefix="never")
    assert harness.lookup().subjects([ZERO, ONE, never, ZERO]) == [
        Found("member", 0, first, shard(ZERO)),
        Found("forgotten", 1, death, shard(ONE)),
        Found("unknown", 1),
        Found("member", 0, first, shard(ZERO)),
    ]


def test_without_subjects_a_record_is_looked_for_at_its_home_alone(redis_url: str, tmp_path: Path) -> None:
    harness = WorkerHarness(redis_url, tmp_path, subjects=False)
    partition, slot = harness.insert("r")
    harness.apply()
    harness.client.delete(*harness.client.keys(f"{{{harness.settings.model}:{1 - partition}}}:*"))
    assert harness.lookup().records(["r"])[0][0][:3] == ("member", partition, slot)
    harness.close()


def test_another_secret_is_refused_before_anything_is_called_unknown(harness: WorkerHarness) -> None:
    harness.insert("r", ZERO)
    harness.apply()
    with pytest.raises(IdentityChanged, match="secret_check changed"):
        harness.lookup(secret=SecretStr("another secret of 16 bytes")).records(["r"])


def test_a_partition_that_redis_does_not_hold_is_an_error_not_unknown(harness: WorkerHarness) -> None:
    with pytest.raises(StateMissing, match="partition 0"):
        harness.lookup().records(["r"])


def test_no_redis_is_an_error(harness: WorkerHarness) -> None:
    harness.client = connect("redis://127.0.0.1:9/0")
    with pytest.raises(StateUnavailable):
        harness.lookup().records(["r"])

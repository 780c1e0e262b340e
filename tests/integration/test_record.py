"""Where records and subjects stand, after a worker has applied their events to a real Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.integration.scene import SECRET, Scene, at
from unlearn.admin.lookup import Found
from unlearn.environment.redis_client import connect
from unlearn.errors import IdentityChanged, StateMissing, StateUnavailable
from unlearn.events.partitioner import Digests, shard_of

ZERO, ONE = at(0), at(1)
"""A subject at home in each partition."""


def shard(subject: str) -> int:
    return shard_of(Digests(SECRET.encode()).subject(subject), 2)


def test_a_member_stands_at_its_slot_shard_and_slice(scene: Scene) -> None:
    digests = Digests(SECRET.encode())
    record = next(name for name in map(str, range(99)) if shard_of(digests.record(name), 2) != shard(ONE))
    _, slot = scene.insert(record, ONE, revision=7)
    scene.apply()
    assert scene.lookup().records([record]) == [[Found("member", 1, slot, shard(ONE), None, 7)]]

    scene.fill(1, 10)
    scene.apply()
    assert scene.lookup().records([record]) == [[Found("member", 1, slot, shard(ONE), 10, 7)]]


def test_a_record_without_a_subject_has_the_shard_of_its_own_digest(scene: Scene) -> None:
    partition, slot = scene.insert("alone")
    scene.apply()
    mine = shard_of(Digests(SECRET.encode()).record("alone"), 2)
    assert scene.lookup().records(["alone"]) == [[Found("member", partition, slot, mine, None, 0)]]


def test_one_id_under_several_subjects_has_a_place_for_each(scene: Scene) -> None:
    first, second = scene.insert("r", ZERO), scene.insert("r", ONE)
    scene.apply()
    scene.delete("r", ONE)
    scene.apply()
    lookup = scene.lookup()
    here = Found("member", *first, shard(ZERO), None, 0)
    there = Found("forgotten", second[0], shard=shard(ONE))
    assert lookup.records(["r"]) == [[here, there]]
    assert lookup.records_of(["r"], ZERO) == [here]
    assert lookup.records_of(["r"], ONE) == [there]


def test_a_deleted_revision_is_named_and_a_higher_one_is_a_member_again(scene: Scene) -> None:
    scene.insert("r", ZERO, revision=2)
    scene.delete("r", ZERO, revision=5)
    scene.apply()
    assert scene.lookup().records(["r"]) == [[Found("forgotten", 0, shard=shard(ZERO), revision=5)]]
    _, slot = scene.insert("r", ZERO, revision=6)
    scene.apply()
    assert scene.lookup().records(["r"]) == [[Found("member", 0, slot, shard(ZERO), None, 6)]]


def test_an_id_deleted_under_every_subject_is_forgotten_under_each(scene: Scene) -> None:
    scene.insert("r", ZERO)
    scene.insert("r", ONE)
    scene.delete("r")
    scene.delete("early")
    scene.apply()
    zero, one = Found("forgotten", 0, shard=shard(ZERO)), Found("forgotten", 1, shard=shard(ONE))
    assert scene.lookup().records(["r", "early", "never"]) == [[zero, one], [Found("forgotten")], [Found("unknown")]]
    assert scene.lookup().records_of(["r", "early", "never"], ONE) == [one, Found("forgotten", 1), Found("unknown", 1)]


def test_a_deleted_subjects_record_is_forgotten_before_its_clean_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.worker._cleaner, "turn", lambda _: None)
    scene.insert("r", ZERO)
    _, bystander = scene.insert("r", at(0, prefix="other"))
    _, death = scene.delete(subject=ZERO)
    for _ in range(20):
        scene.worker.turn(0)
    assert scene.worker.owned[0].view.cleanups  # the path: nothing is buried yet
    places = scene.lookup().records(["r"])[0]
    assert places[0] == Found("forgotten", 0, death, shard(ZERO))
    assert (places[1].state, places[1].offset) == ("member", bystander)


def test_after_the_clean_up_it_stays_forgotten_and_its_subject_tells_the_offset(scene: Scene) -> None:
    scene.insert("r", ZERO)
    _, death = scene.delete(subject=ZERO)
    scene.apply()
    assert not scene.worker.owned[0].view.cleanups
    assert scene.lookup().records(["r"]) == [[Found("forgotten", 0, shard=shard(ZERO))]]
    assert scene.lookup().records_of(["r", "x"], ZERO) == [Found("forgotten", 0, death, shard(ZERO))] * 2


def test_a_record_that_came_after_its_subjects_deletion_is_forgotten_too(scene: Scene) -> None:
    _, death = scene.delete(subject=ZERO)
    scene.insert("late", ZERO)
    scene.apply()
    assert scene.lookup().records(["late"]) == [[Found("forgotten", 0, shard=shard(ZERO))]]
    assert scene.lookup().records_of(["late", "never"], ZERO) == [Found("forgotten", 0, death, shard(ZERO))] * 2


def test_a_late_record_leaves_its_namesakes_as_they_are(scene: Scene) -> None:
    _, slot = scene.insert("r", ONE)
    scene.delete(subject=ZERO)
    scene.insert("r", ZERO)
    scene.apply()
    here, there = Found("forgotten", 0, shard=shard(ZERO)), Found("member", 1, slot, shard(ONE), None, 0)
    assert scene.lookup().records(["r"]) == [[here, there]]


def test_subjects_are_members_from_their_first_row_to_their_deletion(scene: Scene) -> None:
    _, first = scene.insert("a", ZERO)
    scene.insert("b", ZERO)
    scene.insert("a", ONE)
    _, death = scene.delete(subject=ONE)
    scene.apply()
    never = at(1, prefix="never")
    assert scene.lookup().subjects([ZERO, ONE, never, ZERO]) == [
        Found("member", 0, first, shard(ZERO)),
        Found("forgotten", 1, death, shard(ONE)),
        Found("unknown", 1),
        Found("member", 0, first, shard(ZERO)),
    ]


def test_without_subjects_a_record_is_looked_for_at_its_home_alone(redis_url: str, tmp_path: Path) -> None:
    scene = Scene(redis_url, tmp_path, subjects=False)
    partition, slot = scene.insert("r")
    scene.apply()
    scene.client.delete(*scene.client.keys(f"{{{scene.settings.model}:{1 - partition}}}:*"))
    assert scene.lookup().records(["r"])[0][0][:3] == ("member", partition, slot)
    scene.close()


def test_another_secret_is_refused_before_anything_is_called_unknown(scene: Scene) -> None:
    scene.insert("r", ZERO)
    scene.apply()
    with pytest.raises(IdentityChanged, match="secret_check changed"):
        scene.lookup(secret=SecretStr("another secret of 16 bytes")).records(["r"])


def test_a_partition_that_redis_does_not_hold_is_an_error_not_unknown(scene: Scene) -> None:
    with pytest.raises(StateMissing, match="partition 0"):
        scene.lookup().records(["r"])


def test_no_redis_is_an_error(scene: Scene) -> None:
    scene.client = connect("redis://127.0.0.1:9/0")
    with pytest.raises(StateUnavailable):
        scene.lookup().records(["r"])

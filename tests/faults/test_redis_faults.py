"""Redis that refuses, evicts, sleeps, stalls and dies: nothing is lost, and no worker need be started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.faults.rig import OwnRedis, Sick, during
from unlearn.errors import StateUnavailable
from unlearn.services.address import free_port


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    made = OwnRedis(tmp_path_factory.mktemp("redis"))
    yield made
    made.close()


@pytest.fixture
def sick(own_redis: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sick]:
    """A worker at rest, that gives up on an answer after half a second, and looks at Redis ten times a second."""
    monkeypatch.setattr("unlearn.worker.loop._FITNESS_EVERY", 0.1)
    monkeypatch.setattr("unlearn.worker.loop._UNFIT_EVERY", 0.2)
    monkeypatch.setattr("unlearn.worker.assignment._CLAIM_RETRY", 0.2)
    made = Sick(own_redis.url + "?socket_timeout=0.5", tmp_path, heartbeat_every=0.2)
    made.tweets(300)
    made.rest()
    yield made
    made.close()


def refuse(own: OwnRedis) -> Callable[[], Any]:
    own.client.config_set("maxmemory", "100kb")
    return lambda: own.client.config_set("maxmemory", "0")


def replicate(own: OwnRedis) -> Callable[[], Any]:
    own.client.replicaof("127.0.0.1", str(free_port()))
    return lambda: own.client.replicaof("NO", "ONE")


def evict(own: OwnRedis) -> Callable[[], Any]:
    own.client.config_set("maxmemory-policy", "allkeys-lru")
    return lambda: own.client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize(
    ("break_it", "says", "counter"),
    [
        (refuse, "it is out of memory", "state_lost"),
        (replicate, "it is a slave, not a master", "unfit"),
        (evict, "maxmemory-policy is allkeys-lru", "unfit"),
    ],
)
def test_a_redis_that_refuses_or_would_forget(
    own_redis: OwnRedis, sick: Sick, break_it: Callable[[OwnRedis], Callable[[], Any]], says: str, counter: str
) -> None:
    # Given a worker at rest, and a Redis that can't be used any more
    before = sick.status()
    assert before.redis == ()
    mend = break_it(own_redis)
    try:
        # When a deletion comes
        sick.turn_until(lambda: counter != "unfit" or sick.worker.unfit)
        sick.forget()
        sick.turn_until(lambda: sick.counts[counter])
        for _ in range(50):
            sick.worker.turn(0.005)
        # Then it waits, nothing moves, and the status says why
        during_it = sick.status()
        assert [held.applied for held in during_it.partitions] == [held.applied for held in before.partitions]
        assert during_it.lag == 1
        assert any(says in problem for problem in during_it.redis)
    finally:
        mend()
    # And the same worker does it as soon as it can
    sick.rest()
    assert "gone" in sick.receipts("hidden")
    assert (sick.status().redis, sick.status().lag) == ((), 0)
    assert sick.verdict() == "equal"


def test_half_a_second_an_answer(own_redis: OwnRedis, sick: Sick, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each command waits as long as on a slow line; the client's time-out is never reached.
    asked, execute = [], redis.Redis.execute_command

    def slow(client: redis.Redis, *args: Any, **options: Any) -> Any:
        asked.append(args[0])
        time.sleep(0.45)
        return execute(client, *args, **options)  # type: ignore[no-untyped-call]

    claims = sick.counts["claims"]
    monkeypatch.setattr(redis.Redis, "execute_command", slow)
    sick.tweets(300, seed=2)
    sick.turn_until(sick._caught_up)
    monkeypatch.undo()
    sick.rest()
    assert asked.count("EVALSHA") > 3
    assert sick.counts["claims"] == claims
    assert not {"state_lost", "fenced", "rolled_back"} & set(+sick.counts)
    assert sick.verdict() == "equal"


def stalls(own_redis: OwnRedis, sick: Sick, seconds: float) -> None:
    thread = during(own_redis.freeze, seconds, own_redis.thaw)
    sick.tweets(300, seed=3)
    sick.forget()
    sick.turn_until(lambda: sick.counts["state_lost"])
    if thread.is_alive():
        with pytest.raises(StateUnavailable, match="did not answer"):
            sick.status()
    sick.turn_until(lambda: not thread.is_alive(), seconds + 30)
    assert sick.worker.stopped == {}
    sick.rest()
    assert "gone" in sick.receipts("hidden")
    assert sick.verdict() == "equal"


def test_a_stall(own_redis: OwnRedis, sick: Sick) -> None:
    """So long that a claim, too, waits for nothing."""
    stalls(own_redis, sick, 12)


@pytest.mark.soak
def test_a_stall_of_half_a_minute(own_redis: OwnRedis, sick: Sick) -> None:
    stalls(own_redis, sick, 30)


def test_killed_and_started_again(own_redis: OwnRedis, sick: Sick) -> None:
    # Given events that come while it is away
    own_redis.kill()
    sick.tweets(300, seed=4)
    sick.forget()
    sick.turn_until(lambda: sick.counts["state_lost"])
    assert sick.worker.owned == {}
    # When it is back with its append-only file
    own_redis.start()
    sick.rest()
    # Then it goes on where it was
    assert "rolled_back" not in +sick.counts
    assert "gone" in sick.receipts("hidden")
    assert sick.verdict() == "equal"

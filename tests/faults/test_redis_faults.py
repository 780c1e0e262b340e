"""Redis that refuses, evicts, sleeps, stalls and dies: nothing is lost, and no worker need be started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.harness.breakable_services import OwnRedis, during
from tests.harness.worker_harness import WorkerHarness
from unlearn.errors import StateUnavailable
from unlearn.services.address import free_port


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    made = OwnRedis(tmp_path_factory.mktemp("redis"))
    yield made
    made.close()


@pytest.fixture
def harness(own_redis: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerHarness]:
    """A worker at rest, that gives up on an answer after half a second, and looks at Redis ten times a second."""
    monkeypatch.setattr("unlearn.worker.redis_check._FITNESS_EVERY", 0.1)
    monkeypatch.setattr("unlearn.worker.redis_check._UNFIT_EVERY", 0.2)
    monkeypatch.setattr("unlearn.worker.assignment._CLAIM_RETRY", 0.2)
    made = WorkerHarness(own_redis.url + "?socket_timeout=0.5", tmp_path, heartbeat_every=0.2)
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
        (replicate, "it is a slave, not a master", "redis_trouble"),
        (evict, "maxmemory-policy is allkeys-lru", "redis_trouble"),
    ],
)
def test_a_redis_that_refuses_or_would_forget(
    own_redis: OwnRedis,
    harness: WorkerHarness,
    break_it: Callable[[OwnRedis], Callable[[], Any]],
    says: str,
    counter: str,
) -> None:
    # Given a worker at rest, and a Redis that can't be used any more
    before = harness.status()
    assert before.redis == ()
    mend = break_it(own_redis)
    try:
        # When a deletion comes
        harness.turn_until(lambda: counter != "redis_trouble" or harness.worker.redis.unfit)
        harness.forget()
        harness.turn_until(lambda: harness.counts[counter])
        for _ in range(50):
            harness.worker.turn(0.005)
        # Then it waits, nothing moves, and the status says why
        during_it = harness.status()
        assert [held.applied for held in during_it.partitions] == [held.applied for held in before.partitions]
        assert during_it.lag == 1
        assert any(says in problem for problem in during_it.redis)
    finally:
        mend()
    # And the same worker does it as soon as it can
    harness.rest()
    assert "gone" in harness.event_ids("hidden")
    assert (harness.status().redis, harness.status().lag) == ((), 0)
    assert harness.verdict() == "equal"


def test_half_a_second_an_answer(own_redis: OwnRedis, harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each command waits as long as on a slow line; the client's time-out is never reached.
    asked, execute = [], redis.Redis.execute_command

    def slow(client: redis.Redis, *args: Any, **options: Any) -> Any:
        asked.append(args[0])
        time.sleep(0.45)
        return execute(client, *args, **options)  # type: ignore[no-untyped-call]

    claims = harness.counts["claims"]
    monkeypatch.setattr(redis.Redis, "execute_command", slow)
    harness.tweets(300, seed=2)
    harness.turn_until(harness.caught_up)
    monkeypatch.undo()
    harness.rest()
    assert asked.count("EVALSHA") > 3
    assert harness.counts["claims"] == claims
    assert not {"state_lost", "fenced", "rolled_back"} & set(+harness.counts)
    assert harness.verdict() == "equal"


def stalls(own_redis: OwnRedis, harness: WorkerHarness, seconds: float) -> None:
    thread = during(own_redis.freeze, seconds, own_redis.thaw)
    harness.tweets(300, seed=3)
    harness.forget()
    harness.turn_until(lambda: harness.counts["state_lost"])
    if thread.is_alive():
        with pytest.raises(StateUnavailable, match="did not answer"):
            harness.status()
    harness.turn_until(lambda: not thread.is_alive(), seconds + 30)
    assert harness.worker.stopped == {}
    harness.rest()
    assert "gone" in harness.event_ids("hidden")
    assert harness.verdict() == "equal"


def test_a_stall(own_redis: OwnRedis, harness: WorkerHarness) -> None:
    """So long that a claim, too, waits for nothing."""
    stalls(own_redis, harness, 12)


@pytest.mark.soak
def test_a_stall_of_half_a_minute(own_redis: OwnRedis, harness: WorkerHarness) -> None:
    stalls(own_redis, harness, 30)


def test_killed_and_started_again(own_redis: OwnRedis, harness: WorkerHarness) -> None:
    # Given events that come while it is away
    own_redis.kill()
    harness.tweets(300, seed=4)
    harness.forget()
    harness.turn_until(lambda: harness.counts["state_lost"])
    assert harness.worker.owned == {}
    # When it is back with its append-only file
    own_redis.start()
    harness.rest()
    # Then it goes on where it was
    assert "rolled_back" not in +harness.counts
    assert "gone" in harness.event_ids("hidden")
    assert harness.verdict() == "equal"

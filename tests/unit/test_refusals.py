"""What the client raises, by its text alone: the answers that one server can't be made to give."""

from __future__ import annotations

import pytest
import redis

from unlearn.environment.redis_client import connect
from unlearn.errors import StateDenied, StateUnavailable, StateUnsupported
from unlearn.state.health import redis_problems
from unlearn.state.refusals import translate

FIT = {"role": "master", "redis_mode": "standalone", "maxmemory_policy": "noeviction", "aof_enabled": 1}


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (redis.exceptions.MovedError("7 10.0.0.1:6379"), StateUnsupported, "Redis Cluster"),
        (redis.exceptions.AskError("7 10.0.0.1:6379"), StateUnsupported, "Redis Cluster"),
        (redis.exceptions.TryAgainError("Multiple keys request during rehashing"), StateUnsupported, "Redis Cluster"),
        (redis.ResponseError("SELECT is not allowed in cluster mode"), StateUnsupported, "Redis Cluster"),
        (redis.ResponseError("unknown command 'SELECT'"), StateUnsupported, "Sentinel"),
        (redis.ResponseError("unknown command `EVALSHA`, with args beginning with: `x`"), StateDenied, "no EVALSHA"),
        (redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"), StateUnavailable, "loading"),
        (redis.ResponseError("BUSY Redis is busy running a script"), StateUnavailable, "busy"),
        (redis.exceptions.ReadOnlyError("You can't write against a read only replica."), StateUnavailable, "replica"),
        (redis.ResponseError("ERR ACL failure in script: User u has no permissions to run the 'hset' command"),
         StateDenied, "denies HSET"),
        (redis.exceptions.NoPermissionError("No permissions to access a key"), StateDenied, "denies the model's keys"),
        (redis.ResponseError("ERR Error running script: @user_script:1: -MISCONF Redis is configured to save RDB"),
         StateUnavailable, "can't save"),
        (redis.ResponseError("ERR something else"), StateUnavailable, "refuses a command: ERR something else"),
        (redis.ConnectionError("injected"), StateUnavailable, "did not answer (ConnectionError)"),
    ],
)  # fmt: skip
def test_an_answer_is_told_with_the_place(error: redis.RedisError, kind: type[StateUnavailable], words: str) -> None:
    with connect("redis://full:hunter2@[::1]:7/3") as client:
        told = translate(error, client)
    assert type(told) is kind
    assert str(told).startswith("Redis at [::1]:7 ")
    assert words in str(told)


def test_each_error_of_a_transaction_is_told_without_its_command() -> None:
    error = redis.ResponseError("Command # 1 (SET {m:0}:x a@b) of pipeline caused error: ERR odd")
    with connect("redis://h") as client:
        assert str(translate(error, client)) == "Redis at h:6379 refuses a command: ERR odd"


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, None),
        ({"aof_enabled": 0}, None),
        ({"role": "slave"}, "it is a slave, not a master"),
        ({"role": "replica"}, "it is a replica, not a master"),
        ({"maxmemory_policy": "volatile-ttl"}, "maxmemory-policy is volatile-ttl: set it to noeviction"),
        ({"redis_mode": "cluster"}, "Redis Cluster"),
        ({"redis_mode": "sentinel"}, "Sentinel"),
        ({"role": None}, "whether it is a master"),
        ({"maxmemory_policy": None}, "whether it drops keys"),
    ],
)
def test_facts_that_forbid_the_use_of_a_redis(changed: dict[str, object], problem: str | None) -> None:
    facts = {name: value for name, value in (FIT | changed).items() if value is not None}
    problems, _ = redis_problems(facts)
    assert [problem in found for found in problems] == [True] * (problem is not None) if problem else problems == []


def test_hashes_that_are_no_longer_small_are_warned_of() -> None:
    assert redis_problems(FIT | {"hash_fields": 128}) == redis_problems(FIT) == ([], [])
    assert "hash-max-listpack-entries is 64" in redis_problems(FIT | {"hash_fields": 64})[1][0]


def test_unchecked_allows_only_facts_that_redis_does_not_tell() -> None:
    assert redis_problems({}, unchecked=True)[0] == []
    warnings = " ".join(redis_problems({}, unchecked=True)[1])
    assert "whether it is a master and whether it drops keys" in warnings
    assert "keeps no append-only file, or doesn't tell" in warnings
    assert redis_problems({"role": "slave"}, unchecked=True)[0] != []
    assert redis_problems({"maxmemory_policy": "allkeys-lru"}, unchecked=True)[0] != []

"""Whether a Redis can be trusted with what must not be lost: pure judgements of what it says of itself.

Managed services hide CONFIG, and an ACL may hide INFO too. So each fact is asked for in every way there is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import redis

from unlearn.errors import StateUnsupported
from unlearn.state.refusals import CLUSTER, SENTINEL, place_of, told

__all__ = ["Facts", "look", "redis_problems", "redis_shortages", "require_single"]

Facts = Mapping[str, Any]
"""INFO's fields by name, without those that Redis told in no way."""

_UNCHECKED = (
    "allow the user INFO or CONFIG GET; or see to it yourself that this Redis is a master with maxmemory-policy "
    "noeviction, and set UNLEARN_REDIS__UNCHECKED=true"
)


def look(client: redis.Redis) -> Facts:
    """What Redis tells of itself, by INFO, and by HELLO and CONFIG GET for what INFO didn't tell.

    Raises StateUnavailable, and its subclasses where the login or the kind of server is the trouble.
    """
    facts: dict[str, Any] = {}
    with told(client):
        # Connects first: a refused login or database must not be taken for a refused command.
        client.connection_pool.release(client.connection_pool.get_connection())
        for fields, ask in ((_ROLE | _POLICY, _info), (_ROLE, _hello), (_POLICY, _config)):
            if not fields <= facts.keys():
                try:
                    facts = ask(client) | facts
                except redis.ResponseError:
                    continue  # the command is hidden, so the next way is tried
        with contextlib.suppress(redis.ResponseError):
            facts |= _compact(client)
    return facts


_ROLE, _POLICY = {"role", "redis_mode"}, {"maxmemory_policy", "aof_enabled"}


def _info(client: redis.Redis) -> dict[str, Any]:
    found: Any = client.info()
    return dict(found)


def _hello(client: redis.Redis) -> dict[str, Any]:
    answer: Any = client.execute_command("HELLO")  # type: ignore[no-untyped-call]
    pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
    said = {key: value.decode() for key, value in pairs if isinstance(value, bytes)}
    return {name: said[key] for key, name in ((b"role", "role"), (b"mode", "redis_mode")) if key in said}


def _config(client: redis.Redis) -> dict[str, Any]:
    said: Any = client.config_get("maxmemory-policy") | client.config_get("appendonly")
    found = {"maxmemory_policy": said.get("maxmemory-policy"), "aof_enabled": said.get("appendonly") == "yes"}
    return found if len(said) == len(found) else {}


def _compact(client: redis.Redis) -> dict[str, Any]:
    """How many fields a hash of few bytes has at most. The name is the older one, which every version knows."""
    said: Any = client.config_get("hash-max-ziplist-entries")
    return {"hash_fields": int(next(iter(said.values())))} if said else {}


def require_single(client: redis.Redis) -> None:
    """Raises StateUnsupported for a cluster's node and for a Sentinel; else as `look` does."""
    mode = look(client).get("redis_mode")
    if mode in _UNSUPPORTED:
        raise StateUnsupported(f"Redis at {place_of(client)} {_UNSUPPORTED[mode]}")


_UNSUPPORTED = {"cluster": CLUSTER, "sentinel": SENTINEL}


def redis_problems(facts: Facts, *, unchecked: bool = False) -> tuple[list[str], list[str]]:
    """(what forbids the use of this Redis, what is merely worth a warning).

    `unchecked`: the operator answers for what Redis doesn't tell, so that is only worth a warning.
    """
    if facts.get("redis_mode") in _UNSUPPORTED:
        return [f"it {_UNSUPPORTED[facts['redis_mode']]}"], []
    problems: list[str] = []
    warnings: list[str] = []
    if facts.get("role", "master") != "master":
        problems.append(f"it is a {facts['role']}, not a master: name the master in UNLEARN_REDIS__URL")
    if facts.get("maxmemory_policy", "noeviction") != "noeviction":
        problems.append(f"maxmemory-policy is {facts['maxmemory_policy']}: set it to noeviction")
    hidden = [what for name, what in _MUST_BE_KNOWN.items() if name not in facts]
    if hidden:
        (warnings if unchecked else problems).append(f"it doesn't tell {' and '.join(hidden)}: {_UNCHECKED}")
    if not facts.get("aof_enabled"):
        doubt = "" if "aof_enabled" in facts else ", or doesn't tell"
        warnings.append(
            f"Redis keeps no append-only file{doubt}: a restart may lose what was applied since its snapshot"
        )
    if int(facts.get("hash_fields", _HASH_FIELDS)) < _HASH_FIELDS:
        warnings.append(
            f"hash-max-listpack-entries is {facts['hash_fields']}: below {_HASH_FIELDS} each member takes about "
            "three times the memory"
        )
    return problems, warnings


_HASH_FIELDS = 128
"""A bucket of members holds up to 64 fields on average, twice `FULL` in change.lua, and hardly ever 128."""
_MUST_BE_KNOWN = {"role": "whether it is a master", "maxmemory_policy": "whether it drops keys when memory is full"}


def redis_shortages(facts: Facts) -> list[str]:
    """Why Redis refuses writes for now: memory, disk, loading. Workers go on by themselves once that is over."""
    found: list[str] = []
    most = int(facts.get("maxmemory", 0))
    if most and int(facts.get("used_memory", 0)) >= most:
        found.append(f"it is out of memory: maxmemory is {most} bytes")
    if facts.get("aof_last_write_status", "ok") != "ok":
        found.append("it can't write its append-only file: is its disk full?")
    if facts.get("rdb_last_bgsave_status", "ok") != "ok":
        found.append("its last snapshot failed, it may take no writes: is its disk full?")
    if facts.get("loading"):
        found.append("it is loading its data")
    return found

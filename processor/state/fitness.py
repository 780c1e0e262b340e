"""Whether a Redis may hold what must not be lost: pure judgements of what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis

__all__ = ["look", "redis_problems", "redis_shortages"]


def look(client: redis.Redis) -> tuple[Mapping[str, Any], Mapping[Any, Any]]:
    """(INFO, CONFIG). Raises redis.RedisError."""
    return client.info(), client.config_get()


def redis_problems(info: Mapping[str, Any], config: Mapping[Any, Any]) -> tuple[list[str], list[str]]:
    """(what forbids the use of this Redis, what is merely worth a warning)."""
    problems: list[str] = []
    warnings: list[str] = []
    if info.get("role") != "master":
        problems.append(f"it is a {info.get('role')}, not a master")
    if config.get("maxmemory-policy", "noeviction") != "noeviction":
        problems.append(f"maxmemory-policy is {config['maxmemory-policy']}: set it to noeviction")
    if config.get("appendonly") != "yes":
        warnings.append("Redis keeps no append-only file: a restart may lose what was applied since its snapshot")
    return problems, warnings


def redis_shortages(info: Mapping[str, Any]) -> list[str]:
    """Why it refuses writes for now; work goes on by itself once that is over."""
    found: list[str] = []
    most = int(info.get("maxmemory", 0))
    if most and int(info.get("used_memory", 0)) >= most:
        found.append(f"it is out of memory: maxmemory is {most} bytes")
    if info.get("aof_last_write_status", "ok") != "ok":
        found.append("it can't write its append-only file: is its disk full?")
    if info.get("loading"):
        found.append("it is loading its data")
    return found

"""Redis rolled back: all keys of a model as they were."""

from __future__ import annotations

from typing import Any

import redis

__all__ = ["Snapshots"]


class Snapshots:
    """Copies of the keys of one model. Whatever came after the one that is restored never was."""

    def __init__(self, client: redis.Redis, model: str) -> None:
        self._redis: Any = client
        self._pattern = f"{{{model}:*"
        self._taken: list[dict[bytes, bytes]] = [{}]

    def take(self) -> None:
        keys = self._keys()
        self._taken.append(dict(zip(keys, self._each("dump", keys), strict=True)))

    def restore(self, age: int) -> None:
        """The newest but `age`; before the first one there was nothing."""
        del self._taken[max(1, len(self._taken) - age) :]
        self.wipe()
        with self._redis.pipeline(transaction=True) as pipe:
            for key, data in self._taken[-1].items():
                pipe.restore(key, 0, data)
            pipe.execute()

    def wipe(self) -> None:
        keys = self._keys()
        if keys:
            self._redis.delete(*keys)

    def _keys(self) -> list[bytes]:
        return sorted(self._redis.scan_iter(match=self._pattern, count=1000))

    def _each(self, command: str, keys: list[bytes]) -> list[bytes]:
        with self._redis.pipeline(transaction=True) as pipe:
            for key in keys:
                getattr(pipe, command)(key)
            return list(pipe.execute())

"""Rolling Redis back: all keys of a model as they were at an earlier time."""

from __future__ import annotations

from typing import Any

import redis

__all__ = ["Snapshots"]


class Snapshots:
    """Copies of all keys of one model."""

    def __init__(self, client: redis.Redis, model: str) -> None:
        self._redis: Any = client
        self._pattern = f"{{{model}:*"
        self._taken: list[dict[bytes, bytes]] = [{}]

    def take(self) -> None:
        """Copy the keys as they are now."""
        keys = self._keys()
        self._taken.append(dict(zip(keys, self._each("dump", keys), strict=True)))

    def restore(self, age: int) -> None:
        """Set the keys back to the newest copy but `age`, or to nothing if there are fewer; later copies are gone."""
        del self._taken[max(1, len(self._taken) - age) :]
        self.wipe()
        with self._redis.pipeline(transaction=True) as pipe:
            for key, data in self._taken[-1].items():
                pipe.restore(key, 0, data)
            pipe.execute()

    def wipe(self) -> None:
        """Delete all keys of the model."""
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

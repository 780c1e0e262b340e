"""The client of a partition's state: three scripts, each checked against the owner's token.

A time-out means unknown: every script may run twice, so the client asks again with the same arguments
until it has an answer, and only gives up with `StateUnavailable` - whoever gets that drops the
partition's memory and claims it again.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import msgpack  # type: ignore[import-untyped]
import redis

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import Fenced, RolledBack, StateMissing
from unlearn.results.belief import MOST_COUNTER
from unlearn.state.keys import TABLE_HASHES, Keys
from unlearn.state.refusals import told, translate

__all__ = ["DirtyShard", "Op", "PartitionState", "Token", "states"]

Op = Sequence[str | bytes]
"""One Redis command: its name, its key, its arguments."""


class Token(NamedTuple):
    """Who owns a partition: a counter that grows with every claim, and a nonce of 128 bits."""

    counter: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.counter}:{self.nonce}"


_TROUBLE_LASTS = 15
"""Seconds for which a word of trouble stands."""


class DirtyShard(Exception):
    """The gate found a kill newer than the state that was to be published."""


class PartitionState:
    """Scripts over the keys of one partition. Holds no state of its own."""

    def __init__(self, client: redis.Redis, keys: Keys, *, patience: float = 3.0, clock: Clock = MACHINE_CLOCK) -> None:
        self.keys = keys
        self._redis = client
        self._patience = patience
        self._clock = clock
        self._commit, self._read, self._claim = (
            client.register_script(files(__package__).joinpath(f"{name}.lua").read_text())
            for name in ("commit", "read", "claim")
        )

    def claim(self, token: Token, first: Mapping[str, str | int] | None) -> int | None:
        """Take the partition; `first` holds meta's fields if it may be new. Returns a higher counter, if one holds.

        A counter above MOST_COUNTER is nobody's: a worker took it once from a forged one.

        Raises:
            StateUnavailable: no answer.
            StateMissing: the partition isn't there, and `first` is None.
        """
        blob = b"" if first is None else _pack({k: str(v) for k, v in first.items()})
        keys = [self.keys.meta, self.keys.of("redo")]
        owner = f"{socket.gethostname()}:{os.getpid()}"
        answer = self._ask(self._claim, keys, [token.counter, token.nonce, blob, owner, MOST_COUNTER])
        if answer[0] == b"ABSENT":
            raise StateMissing(
                "Redis holds nothing of a partition that has published: restore it, or start with --rebuild"
            )
        return int(answer[1]) if answer[0] == b"HIGHER" else None

    def mark_stopped(self, why: str, unreadable: int | None = None) -> None:
        """Leave word for others that the partition's owner stopped, or with "" that it goes on; best effort.

        `unreadable`: the offset from which nothing can be read, where that is why.
        """
        words = {"stopped": why, "unreadable": "" if unreadable is None else str(unreadable)}
        with contextlib.suppress(redis.RedisError):
            for name, word in words.items():
                self._redis.set(self.keys.of(name), word) if word else self._redis.delete(self.keys.of(name))

    def mark_trouble(self, why: str) -> None:
        """Leave word of what the owner waits for; it goes by itself once it isn't said again. Best effort."""
        with contextlib.suppress(redis.RedisError):
            self._redis.set(self.keys.of("trouble"), why, ex=_TROUBLE_LASTS)

    def store(self) -> str | None:
        """The id of the model's store, which partition 0 keeps; None if none was named. Raises StateUnavailable."""
        with told(self._redis):
            found = self._redis.get(self.keys.of("store"))
        return found.decode() if isinstance(found, bytes) else None

    def name_store(self, store_id: str) -> str | None:
        """Name the model's store unless one is named. Returns the id that stands. Raises StateUnavailable."""
        with told(self._redis):
            self._redis.set(self.keys.of("store"), store_id, nx=True)
        return self.store()

    def rewrite_aof(self) -> bool:
        """Have Redis write its append-only file anew, without what was deleted. Whether it will."""
        try:
            self._redis.execute_command("BGREWRITEAOF")  # type: ignore[no-untyped-call]
        except redis.RedisError:
            # Such as: it does so now, but began before the last deletion.
            return False
        return True

    def stopped(self) -> str:
        """Why the partition's owner stopped; empty if it goes on. Raises StateUnavailable."""
        with told(self._redis):
            return (self._redis.get(self.keys.of("stopped")) or b"").decode()  # type: ignore[union-attr]

    def unreadable(self) -> int | None:
        """The offset from which its owner can read nothing; None if it can. Raises StateUnavailable."""
        with told(self._redis):
            found = self._redis.get(self.keys.of("unreadable"))
        return int(found) if found else None

    def load(self) -> dict[str, dict[bytes, bytes]]:
        """The hashes that the owner mirrors, by name. Call it after a claim: nobody else writes then."""
        with told(self._redis):
            pipe = self._redis.pipeline(transaction=True)
            for name in TABLE_HASHES:
                pipe.hgetall(self.keys.of(name))
            return dict(zip(TABLE_HASHES, pipe.execute(), strict=True))

    def holes(self, shard: int, starts: Iterable[int]) -> list[list[bytes]]:
        """What each slice's holes are now, flat, without a token: for those who only look."""
        with told(self._redis):
            pipe = self._redis.pipeline(transaction=True)
            for start in starts:
                pipe.hgetall(self.keys.holes(shard, start))
            return [[x for pair in reply.items() for x in pair] for reply in pipe.execute()]

    def read(self, token: Token, applied: int, writes: int, ops: Sequence[Op]) -> list[Any]:
        """Replies to read commands, all at one moment.

        Raises:
            Fenced, RolledBack, StateUnavailable: the owner must claim again.
        """
        if not ops:
            return []
        answer = self._ask(self._read, [self.keys.meta], [str(token), applied, writes, _pack(ops)])
        _check(answer[0])
        return list(answer[1])

    def commit(
        self,
        token: Token,
        applied: int,
        writes: int,
        ops: Sequence[Op],
        new_applied: int,
        need: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Perform absolute writes once, whole; afterwards the partition's `writes` is one more.

        `need` lists (shard, offset): refused if the shard's `hit` is beyond that.

        Raises:
            DirtyShard: a need is not met; nothing was written.
            Fenced, RolledBack, StateUnavailable: the owner must claim again.
        """
        keys = [self.keys.meta, self.keys.of("redo"), self.keys.of("hits")]
        args = [str(token), applied, writes, new_applied, _pack(ops), _pack(list(need))]
        answer = self._ask(self._commit, keys, args)
        if answer[0] == b"DIRTY":
            raise DirtyShard(answer[1])
        _check(answer[0])

    def _ask(self, script: Any, keys: list[str], args: list[Any]) -> list[Any]:
        deadline = self._clock.monotonic() + self._patience
        while True:
            try:
                return list(script(keys=keys, args=args))
            except redis.RedisError as error:
                lost = isinstance(error, redis.ConnectionError | redis.TimeoutError)
                if not lost or self._clock.monotonic() >= deadline:
                    raise translate(error, self._redis) from None
                self._clock.sleep(0.05)


def _pack(value: object) -> bytes:
    # cmsgpack of Redis rejects the bin type: bytes travel as raw strings.
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed


def _check(status: bytes) -> None:
    if status == b"FENCED":
        raise Fenced("another owner holds this partition")
    if status == b"ROLLED_BACK":
        raise RolledBack("Redis holds less than was written: it was rolled back")


def states(client: redis.Redis, model: str, clock: Clock = MACHINE_CLOCK) -> Callable[[int], PartitionState]:
    """Partition -> its state's client."""
    return lambda partition: PartitionState(client, Keys(model, partition), clock=clock)

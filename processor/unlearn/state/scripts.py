"""The client of a partition's state: three scripts, two of which ask for the owner's token; `claim` gives it.

A time-out leaves unknown whether a script ran. So each may run twice, and the client repeats it with the same arguments
until it has an answer or its patience is over: then it raises `StateUnavailable`, upon which the owner drops its memory
of the partition and claims it again.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal, NamedTuple

import msgpack  # type: ignore[import-untyped]
import redis

from unlearn.environment.clock import MACHINE_CLOCK, Clock
from unlearn.errors import Fenced, RolledBack, StateMissing
from unlearn.results.belief import MOST_COUNTER
from unlearn.state.keys import TABLE_HASHES, Keys
from unlearn.state.refusals import told, translate

__all__ = ["DirtyShard", "Op", "PartitionState", "Token", "read_without_token", "states", "text_of"]

Op = Sequence[str | bytes]
"""One Redis command: its name, its key, its arguments."""


_BEHIND = {
    "commit": ("members", "change", "owner"),
    "read": ("members", "owner"),
    "claim": ("members", "change"),
    "look": ("members",),
}
"""Each script, and the texts that stand before it."""


class Token(NamedTuple):
    """Who owns a partition: a counter that grows with every claim, and a nonce of 128 bits."""

    counter: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.counter}:{self.nonce}"


_TROUBLE_LASTS = 15
"""Seconds for which `mark_trouble` and `mark_quiet` are shown, unless they are repeated."""


class DirtyShard(Exception):
    """Raised at the gate: a shard was hit by a newer kill than the state that was to be published covers."""


class PartitionState:
    """Runs scripts over the keys of one partition. It keeps nothing of the partition itself.

    `patience`: seconds for which a script that got no answer is repeated.
    """

    def __init__(self, client: redis.Redis, keys: Keys, *, patience: float = 3.0, clock: Clock = MACHINE_CLOCK) -> None:
        self.keys = keys
        self._redis = client
        self._patience = patience
        self.scripts, self.seconds = 0, 0.0
        """How many scripts were run, and the seconds until their answers."""
        self._clock = clock
        self._commit, self._read, self._claim = (
            client.register_script(text_of(name)) for name in ("commit", "read", "claim")
        )

    def claim(self, token: Token, first: Mapping[str, str | int] | None) -> int | None:
        """Take the partition with this token. Returns None, or the stored counter if it is as high or higher.

        `first`: fields of `meta` for a partition that may be new. A stored counter above MOST_COUNTER is ignored: only
        a forged one on the results topic can have led to it.

        Raises StateUnavailable; StateMissing where the partition isn't in Redis and `first` is None.
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
        """Show others why the partition's owner stopped; "" means that it goes on. Redis' errors are ignored.

        `unreadable`: the offset at which nothing can be read, where that is the reason.
        """
        words = {"stopped": why, "unreadable": "" if unreadable is None else str(unreadable)}
        with contextlib.suppress(redis.RedisError):
            for name, word in words.items():
                self._redis.set(self.keys.of(name), word) if word else self._redis.delete(self.keys.of(name))

    def mark_trouble(self, why: str) -> None:
        """Show others what the owner waits for, for 15 seconds unless it is repeated. Redis' errors are ignored."""
        with contextlib.suppress(redis.RedisError):
            self._redis.set(self.keys.of("trouble"), why, ex=_TROUBLE_LASTS)

    def mark_quiet(self, quiet: bool) -> None:
        """Show others that the owner takes no events, as asked, for 15 seconds unless it is repeated; or that it does.

        Redis' errors are ignored.
        """
        key = self.keys.of("quiet")
        with contextlib.suppress(redis.RedisError):
            self._redis.set(key, "1", ex=_TROUBLE_LASTS) if quiet else self._redis.delete(key)

    def store(self) -> str | None:
        """The id of the model's store, which partition 0 keeps; None if none was named. Raises StateUnavailable."""
        with told(self._redis):
            found = self._redis.get(self.keys.of("store"))
        return found.decode() if isinstance(found, bytes) else None

    def identity(self) -> str | None:
        """The identity that the model was made with; None before the first claim. Raises StateUnavailable."""
        with told(self._redis):
            found = self._redis.hget(self.keys.meta, "identity")
        return found.decode() if isinstance(found, bytes) else None

    def name_store(self, store_id: str) -> str | None:
        """Name the model's store unless one is named. Returns the id that stands. Raises StateUnavailable."""
        with told(self._redis):
            self._redis.set(self.keys.of("store"), store_id, nx=True)
        return self.store()

    def rewrite_aof(self) -> bool:
        """Ask Redis to write its append-only file anew, without what was deleted. Returns whether it agreed."""
        try:
            self._redis.execute_command("BGREWRITEAOF")  # type: ignore[no-untyped-call]
        except redis.RedisError:
            # Redis refuses while a rewriting runs; that one may have begun before the last deletion.
            return False
        return True

    def stopped(self) -> str:
        """Why the partition's owner stopped; empty if it goes on. Raises StateUnavailable."""
        with told(self._redis):
            return (self._redis.get(self.keys.of("stopped")) or b"").decode()  # type: ignore[union-attr]

    def waits_for(self) -> str:
        """What the partition's owner waited for in the last seconds; empty if nothing. Raises StateUnavailable."""
        with told(self._redis):
            return (self._redis.get(self.keys.of("trouble")) or b"").decode()  # type: ignore[union-attr]

    def unreadable(self) -> int | None:
        """The offset at which the partition's owner can read nothing; None if it can read. Raises StateUnavailable."""
        with told(self._redis):
            found = self._redis.get(self.keys.of("unreadable"))
        return int(found) if found else None

    def load(self) -> dict[str, dict[bytes, bytes]]:
        """The hashes that the owner keeps in memory, by name. Raises StateUnavailable.

        Called after a claim they are current, since nobody else writes then.
        """
        with told(self._redis):
            pipe = self._redis.pipeline(transaction=True)
            for name in TABLE_HASHES:
                pipe.hgetall(self.keys.of(name))
            return dict(zip(TABLE_HASHES, pipe.execute(), strict=True))

    def holes(self, shard: int, starts: Iterable[int]) -> list[list[bytes]]:
        """The holes of each of these slices as they are now, slots and deaths in turn. Raises StateUnavailable.

        It asks for no token: it is for those who only look.
        """
        with told(self._redis):
            pipe = self._redis.pipeline(transaction=True)
            for start in starts:
                pipe.hgetall(self.keys.holes(shard, start))
            return [[x for pair in reply.items() for x in pair] for reply in pipe.execute()]

    def look(self, ops: Sequence[Op]) -> list[Any]:
        """As `read_without_token` of this partition."""
        return read_without_token(self._redis, self.keys, ops)

    def read(self, token: Token, applied: int, writes: int, ops: Sequence[Op]) -> list[Any]:
        """The replies to read commands, all at one moment, if token, `applied` and `writes` are still the owner's.

        Beside Redis' own, the commands of `unlearn.state.members` name members.

        Raises Fenced, RolledBack, StateUnavailable: the owner must claim again.
        """
        if not ops:
            return []
        answer = self._ask(self._read, [self.keys.meta], [str(token), applied, writes, _pack(ops)])
        _check(answer[0])
        return list(answer[1])

    def look_up(
        self, token: Token, applied: int, writes: int, records: bytes, subjects: bytes
    ) -> tuple[list[bytes | None], list[bytes | None]]:
        """The bytes of these records' entries, and of these subjects, in order; None for each that is unknown.

        `records` and `subjects`: the first 12 bytes of each digest, one after the other. Checks and raises as `read`.
        """
        entries, known = self.read(token, applied, writes, [("RECORDS.GET", records), ("SUBJECTS.GET", subjects)])
        return entries, known

    def fields(
        self, token: Token, applied: int, writes: int, members: Literal["RECORDS", "SUBJECTS"], place: int, most: int
    ) -> tuple[int, bytes]:
        """(the place where the next call goes on, -1 at the end; the fields of some members), by a walk from place 0.

        Of a record its field, 10 bytes; of a subject its field and the first byte of its value, T or L. It reads whole
        buckets until it has `most` members. Checks and raises as `read`; what stands between two calls, if members are
        written, is said in `unlearn.state.members`.
        """
        found = self.read(token, applied, writes, [(f"{members}.FIELDS", str(place), str(most))])[0]
        return int(found[0]), bytes(found[1])

    def commit(
        self,
        token: Token,
        applied: int,
        writes: int,
        ops: Sequence[Op],
        new_applied: int,
        need: Iterable[tuple[int, int]] = (),
        members: bytes = b"",
    ) -> None:
        """Perform all of these writes or none, once, even if the script is repeated; then `writes` is one more.

        The writes must be absolute, such as HSET. Beside Redis' own, the commands of `unlearn.state.members` name
        members; `members` packs many, as `pack_members` makes it, and is written behind `ops`. `need` lists (shard,
        offset): nothing is written if a shard's hit is beyond its offset.

        Raises DirtyShard for such a shard; Fenced, RolledBack, StateUnavailable where the owner must claim again.
        """
        keys = [self.keys.meta, self.keys.of("redo"), self.keys.of("hits")]
        args = [str(token), applied, writes, new_applied, _pack(ops), _pack(list(need)), members]
        answer = self._ask(self._commit, keys, args)
        if answer[0] == b"DIRTY":
            raise DirtyShard(answer[1])
        _check(answer[0])

    def _ask(self, script: Any, keys: list[str], args: list[Any]) -> list[Any]:
        began = self._clock.monotonic()
        deadline = began + self._patience
        while True:
            try:
                answer = list(script(keys=keys, args=args))
                self.scripts, self.seconds = self.scripts + 1, self.seconds + self._clock.monotonic() - began
                return answer
            except redis.RedisError as error:
                lost = isinstance(error, redis.ConnectionError | redis.TimeoutError)
                if not lost or self._clock.monotonic() >= deadline:
                    raise translate(error, self._redis) from None
                self._clock.sleep(0.05)


def kept_identities(state_of: Callable[[int], PartitionState], partitions: int) -> list[str]:
    """The identities that the partitions keep which were claimed before. Raises StateUnavailable."""
    return [kept for partition in range(partitions) if (kept := state_of(partition).identity()) is not None]


def read_without_token(client: redis.Redis, keys: Keys, ops: Sequence[Op]) -> list[Any]:
    """The replies to read commands on one partition, all at one moment, as `PartitionState.read` gives them.

    It asks for no token: it is for those who only look. Raises StateUnavailable.
    """
    with told(client):
        return list(client.register_script(text_of("look"))(keys=[keys.meta], args=[_pack(ops)]))


def text_of(name: str) -> str:
    """The whole text of a script, with what stands before it."""
    return "\n".join(files(__package__).joinpath(f"{part}.lua").read_text() for part in (*_BEHIND[name], name))


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
    """A function from a partition of the model to the client of its state."""
    return lambda partition: PartitionState(client, Keys(model, partition), clock=clock)

"""A worker's services with faults in between: any call may crash the worker, fail, or succeed without an answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, TypeVar

import redis

from unlearn.environment.clock import Clock
from unlearn.errors import ArtefactInvalid, ArtefactMissing, LogRefused, LogUnavailable, StoreUnavailable
from unlearn.log.columns import RecordColumns
from unlearn.log.joined import all_of
from unlearn.log.memory.log import MemoryLog
from unlearn.log.memory.reader import MemoryReader
from unlearn.log.memory.tails import MemoryFollower, MemoryTail
from unlearn.log.protocol import Header, Message, Polled, Record, TopicSpec
from unlearn.partition.jobs import Job, Trained
from unlearn.simulate.judging.violations import Wrong
from unlearn.storage.artefacts import Stored
from unlearn.training.live_states import LiveStates
from unlearn.training.trainer import run
from unlearn_models import Learner

__all__ = ["Crash", "FaultPlan", "FaultyRedis", "Later", "MemoryStore", "Producer", "SlowTrainers", "Wire"]

T = TypeVar("T")


class Crash(BaseException):
    """The worker's process dies here. Not an Exception, so that no handler of errors catches it."""


@dataclass
class FaultPlan:
    """Which call goes wrong, and how: `calls` calls succeed first (-1: all), and the next goes wrong.

    With `after` it takes effect before it goes wrong. With `meanwhile` it only takes time, in which that is called.
    Else it crashes the worker if `outage` is 0, or so many calls in a row fail with the service's own error.
    """

    calls: int = -1
    after: bool = False
    outage: int = 0
    meanwhile: Callable[[], None] | None = None

    def arm(self, calls: int, after: bool, outage: int = 0, meanwhile: Callable[[], None] | None = None) -> None:
        """Set the plan."""
        self.calls, self.after, self.outage, self.meanwhile = calls, after, outage, meanwhile

    def disarm(self) -> None:
        """Let nothing go wrong any more."""
        self.calls = -1

    def call(self, act: Callable[[], T], error: Exception) -> T:
        """Make a call under the plan. Raises Crash, or `error` in an outage."""
        if self.calls != 0:
            self.calls -= self.calls > 0
            return act()
        return self._wait(act, self.meanwhile) if self.meanwhile else self._fail(act, error)

    def _wait(self, act: Callable[[], T], meanwhile: Callable[[], None]) -> T:
        self.disarm()
        if self.after:
            result = act()
            meanwhile()
            return result
        meanwhile()
        return act()

    def _fail(self, act: Callable[[], object], error: Exception) -> NoReturn:
        crash = self.outage == 0
        self.outage -= not crash
        self.calls = 0 if self.outage else -1
        if self.after:
            act()
        raise Crash if crash else error


class Later(Executor):
    """An executor that runs what it is given at once or, while `late`, keeps it until `work`."""

    def __init__(self) -> None:
        self.late = False
        self._kept: deque[Callable[[], None]] = deque()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def act() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001  whatever it raises is its result, as in a pool
                future.set_exception(error)

        self._kept.append(act)
        if not self.late:
            self.work()
        return future

    def work(self) -> None:
        """Run all that was kept, in order."""
        while self._kept:
            self._kept.popleft()()

    def __len__(self) -> int:
        return len(self._kept)


class SlowTrainers:
    """Two trainers on a `Later`. `restarts` counts jobs that go back to a state and learn slices again."""

    def __init__(self, learner: Learner, store: MemoryStore, later: Later, clock: Clock) -> None:
        self._learner, self._store, self._later, self._clock = learner, store, later, clock
        self._live = LiveStates()
        self._reached: dict[tuple[int, int], int] = {}
        self.restarts = 0

    def submit(self, job: Job) -> Future[Trained]:
        shard = job.partition, job.shard
        if job.base and job.learn and job.learn[0].end <= self._reached.get(shard, 0):
            self.restarts += 1
        self._reached[shard] = max(self._reached.get(shard, 0), *(part.end for part in job.learn), 0)
        return self._later.submit(run, job, self._learner, self._store, live=self._live, clock=self._clock)

    @property
    def free(self) -> int:
        return 2 - len(self._later)

    @property
    def idle(self) -> bool:
        return not self._later

    def restart(self) -> None:
        """Nothing runs that could be ended."""

    def close(self) -> None:
        """Nothing to give back."""


class MemoryStore:
    """A store in memory. A file's age is by the world's clock.

    Raises Wrong if other bytes are written under a name that is there.
    """

    def __init__(self, clock: Callable[[], float], fuse: FaultPlan) -> None:
        self.files: dict[str, tuple[bytes, float]] = {}
        self._clock, self._fuse = clock, fuse
        self._marker: bytes | None = None

    def check(self) -> None:
        """It is fit."""

    def marker(self) -> bytes | None:
        return self._marker

    def mark(self, data: bytes) -> bytes:
        self._marker = self._marker or data
        return self._marker

    def put(self, name: str, data: bytes) -> None:
        if self.files.get(name, (data,))[0] != data:
            raise Wrong(f"{name} is written twice")
        self._fuse.call(lambda: self._put(name, data), StoreUnavailable("injected"))

    def get(self, name: str, size: int | None = None) -> bytes:
        if name not in self.files:
            raise ArtefactMissing(f"{name} is not there")
        data = self.files[name][0]
        if size not in (None, len(data)):
            raise ArtefactInvalid(f"{name} has {len(data)} bytes, not {size}")
        return data

    def names(self, prefix: str) -> Iterator[Stored]:
        for name, (data, at) in list(self.files.items()):
            if name.startswith(prefix):
                yield Stored(name, self._clock() - at, len(data))

    def delete(self, *names: str) -> None:
        for name in names:
            self._fuse.call(partial(self.files.pop, name, None), StoreUnavailable("injected"))

    def _put(self, name: str, data: bytes) -> None:
        self.files[name] = data, self._clock()


class FaultyRedis(redis.Redis):
    """A Redis client under a fault plan. Made by `from_url`; set `fuse` before use."""

    fuse = FaultPlan()

    def execute_command(self, *args: Any, **options: Any) -> Any:
        # All worlds share one file: whether Redis agrees to rewrite it now isn't the same in each run of a history.
        plainly = _agreed if args[0] == "BGREWRITEAOF" else super().execute_command
        # Made anew for each call: an error that is raised keeps its frames, and with them the whole world.
        lost = redis.ConnectionError("injected")
        return self.fuse.call(lambda: plainly(*args, **options), lost)


def _agreed(*_: Any, **__: Any) -> bool:
    return True


class PolledReader(MemoryReader):
    """A reader that takes as many records a poll as its wire's `most` says."""

    wire: Wire

    def poll(self, timeout: float, max_records: int) -> Polled:
        return super().poll(0.0, self.wire.most)


@dataclass
class Producer:
    """A producer that sends at once or, while `late`, keeps messages until `land`, even after its worker's end."""

    log: MemoryLog
    fuse: FaultPlan
    late: bool = False
    refused: set[tuple[str, int]] = field(default_factory=set)
    """The (topic, partition) for which the log refuses all messages."""
    kept: deque[tuple[Future[int], tuple[Any, ...]]] = field(default_factory=deque)

    def send(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header] = ()
    ) -> Future[int]:
        answer: Future[int] = Future()
        self.kept.append((answer, (topic, partition, key, value, tuple(headers))))
        if not self.late:
            self.land()
        return answer

    def send_batch(
        self, topic: str, partition: int, messages: Sequence[Message], headers: Sequence[Sequence[Header]] = ()
    ) -> Future[list[int]]:
        each = headers or [()] * len(messages)
        return all_of([self.send(topic, partition, *one, of) for one, of in zip(messages, each, strict=True)])

    def land(self) -> None:
        """Send all that was kept, in order."""
        while self.kept:
            answer, message = self.kept.popleft()
            if message[:2] in self.refused:
                answer.set_exception(LogRefused("injected"))
                continue
            try:
                offset = self.fuse.call(lambda m=message: self.log.append(*m), LogUnavailable("injected"))  # type: ignore[misc]
            except LogUnavailable as error:
                answer.set_exception(error)
            else:
                answer.set_result(offset)

    def flush(self, timeout: float) -> None:
        self.land()

    def close(self) -> None:
        """Nothing to give back."""


class Wire:
    """One worker's access to the log: a `Log` whose reads succeed and whose sends may fail.

    `most`: records that a poll takes; `sends`: its producer; `member`: its reader, while it is in the group.
    """

    def __init__(self, log: MemoryLog, fuse: FaultPlan) -> None:
        self._log = log
        self.sends = Producer(log, fuse)
        self.most = 50
        self.member: PolledReader | None = None

    def cluster_id(self) -> str:
        return self._log.cluster_id()

    def brokers(self) -> int:
        return self._log.brokers()

    def topic_id(self, topic: str) -> str:
        return self._log.topic_id(topic)

    def partitions(self, topic: str) -> int:
        return self._log.partitions(topic)

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        return self._log.bounds(topic)

    def written(self, topic: str) -> dict[int, int]:
        return self._log.written(topic)

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int:
        return self._log.offset_at(topic, partition, timestamp)

    def read(self, topic: str, partition: int, start: int, stop: int) -> Iterator[Record]:
        return self._log.read(topic, partition, start, stop)

    def read_columns(self, topic: str, partition: int, start: int, stop: int) -> Iterator[RecordColumns]:
        return self._log.read_columns(topic, partition, start, stop)

    def reader(self, topic: str, group: str, *, columns: bool = False) -> PolledReader:
        self.member = PolledReader(self._log, topic, group, columns=columns)
        self.member.wire = self
        return self.member

    def tail(self, topic: str) -> MemoryTail:
        return self._log.tail(topic)

    def follow(self, topic: str, starts: Mapping[int, int]) -> MemoryFollower:
        return self._log.follow(topic, starts)

    def producer(self) -> Producer:
        return self.sends

    def topic(self, name: str) -> TopicSpec | None:
        return self._log.topic(name)

    def create(self, spec: TopicSpec) -> bool:
        return self._log.create(spec)

    def close(self) -> None:
        """Nothing to give back."""

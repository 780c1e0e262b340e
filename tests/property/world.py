"""Any history of a model: workers on one log, one Redis and one store, turned, stopped and killed at will."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import redis
from hypothesis import strategies as st
from pydantic import SecretStr

from processor.log.memory import MemoryLog
from processor.pool import learner_of
from processor.settings import Settings
from processor.sweep import Sweeper
from processor.worker import Worker
from processor.events import Delete, Event, Insert, Seal, encode
from processor.reference import murmur2
from tests.property.strategies import CLASSES, WORDS, Message, Script, scripts
from tests.property.wires import Crash, FaultyRedis, Fuse, Later, MemoryStore, SlowTrainers, Wire

SECRET = "a secret of the tests, 32 bytes.."
Action = tuple[Any, ...]


@dataclass(frozen=True)
class Shape:
    """The settings that matter, small enough to meet."""

    slice_span: int
    shards: int
    checkpoints: int
    withdraw: str
    window: float
    publish_every: float
    workers: int


def shapes() -> st.SearchStrategy[Shape]:
    return st.builds(
        Shape,
        slice_span=st.integers(2, 9),
        shards=st.integers(1, 2),
        checkpoints=st.integers(1, 4),
        withdraw=st.sampled_from(("auto", "always", "never")),
        window=st.sampled_from((0.0, 0.5)),
        publish_every=st.sampled_from((0.0, 0.2)),
        workers=st.integers(1, 2),
    )


def long_scripts() -> st.SearchStrategy[Script]:
    """Several scripts of one kind, one behind the other."""

    def joined(parts: list[Script]) -> Script:
        count = max(part.topic_partitions for part in parts)
        return Script(parts[0].partitions, count, parts[0].subjects, sum((p.messages for p in parts), ()))

    kinds = [scripts(), scripts(partitions=1), scripts(subjects=False)]
    return st.one_of([st.lists(kind, min_size=2, max_size=5).map(joined) for kind in kinds])


def busy_scripts() -> st.SearchStrategy[Script]:
    """Many records of few subjects, most of which live for some time; everything at home."""
    one = st.tuples(st.integers(0, 19), st.integers(0, 24), st.integers(0, 8), st.integers(0, 2), st.sampled_from(WORDS))
    return st.builds(_busy, st.integers(1, 2), st.lists(one, min_size=20, max_size=90))


def _busy(partitions: int, picks: list[tuple[int, int, int, int, str]]) -> Script:
    messages = []
    for at, (kind, record, subject, revision, word) in enumerate(picks):
        name, owner = f"r{record}", None if subject > 5 else f"s{subject}"
        event: Event
        if kind == 0:
            messages.append(Message(at % partitions, None, encode(Seal()), at % 3))
            continue
        if kind < 4:
            alone = kind == 1 and owner is not None
            event = Delete(
                event_id=f"d{at}",
                record_id=None if alone else name,
                subject_id=owner,
                revision=None if revision else 0,
                requested_at="t",
            )
        else:
            label = CLASSES[record % 2]
            event = Insert(
                event_id=f"e{at}", record_id=name, subject_id=owner, revision=revision, label=label, text=f"{word} {at}"
            )
        key = (owner or name).encode()
        messages.append(Message((murmur2(key) & 0x7FFFFFFF) % partitions, key, encode(event)))
    return Script(partitions, partitions, True, tuple(messages))


def actions() -> st.SearchStrategy[Action]:
    who = st.integers(0, 1)
    turn = st.tuples(st.just("turn"), who, st.sampled_from((1, 2, 5, 50)))
    feed = st.tuples(st.just("feed"), st.integers(1, 8))
    fuse = st.tuples(st.just("fuse"), st.integers(0, 25), st.booleans(), st.sampled_from((0, 0, 0, 1, 8)))
    others = [
        st.tuples(st.just("work"), who),
        st.tuples(st.just("wait"), st.sampled_from((0.1, 0.6, 2.5, 6.0))),
        fuse,
        fuse,
        st.tuples(st.just("crash"), who),
        st.tuples(st.just("zombie"), who),
        st.tuples(st.just("haunt"), st.integers(1, 3)),
        st.tuples(st.just("set_late"), st.booleans(), st.booleans()),
        st.tuples(st.just("sweep"), st.booleans()),
        st.just(("rebalance",)),
        st.just(("collect",)),
    ]
    return st.one_of(feed, feed, feed, turn, turn, turn, turn, *others)


def histories() -> st.SearchStrategy[list[Action]]:
    return st.lists(actions(), min_size=20, max_size=90)


class _Sweeper(Sweeper):
    """Cleans up only while the world lets it."""

    world: World

    def clean_up(self, owned: Any) -> None:
        if self.world.sweeping:
            super().clean_up(owned)


@dataclass
class Member:
    """One worker with everything that dies with it."""

    worker: Worker
    wire: Wire
    later: Later
    trainers: SlowTrainers

    def work(self) -> None:
        self.later.work()
        self.wire.sends.land()


@dataclass
class World:
    script: Script
    shape: Shape
    learner_id: str
    redis_url: str
    now: float = 1000.0
    sweeping: bool = True
    fed: int = 0
    late: tuple[bool, bool] = (False, False)
    zombies: list[Member] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.faults = Fuse()
        self.store = MemoryStore(lambda: self.now, self.faults)
        self.settings = Settings(
            model=f"t{uuid.uuid4().hex[:12]}",
            secret=SecretStr(SECRET),
            learner=self.learner_id,
            classes=CLASSES,
            features=64,
            subjects=self.script.subjects,
            partitions=self.script.partitions,
            shards_per_partition=self.shape.shards,
            slice_span=self.shape.slice_span,
            seal_after=2.0,
            withdraw=self.shape.withdraw,
            window=self.shape.window,
            publish_every=self.shape.publish_every,
            checkpoints=self.shape.checkpoints,
            garbage_grace=100.0,
            trainers=0,
        )
        self.learner = learner_of(self.settings)
        self.redis = redis.Redis.from_url(self.redis_url)
        self.log = MemoryLog()
        self.log.create_topic(self.settings.events_topic, self.script.topic_partitions)
        for topic in ("results_topic", "receipts_topic", "dead_letters_topic"):
            self.log.create_topic(getattr(self.settings, topic), 1)
        self.members = [self._member() for _ in range(self.shape.workers)]

    def close(self) -> None:
        for member in (*self.members, *self.zombies):
            self._bury(member)
        keys = list(self.redis.scan_iter(match=f"{{{self.settings.model}:*", count=1000))
        if keys:
            self.redis.delete(*keys)
        self.redis.close()

    # -- actions

    def act(self, action: Action) -> None:
        getattr(self, action[0])(*action[1:])

    def feed(self, count: int) -> None:
        self.script.send(self.log, self.settings.events_topic, self.fed, self.fed + count)
        self.fed += count

    def turn(self, who: int, most: int) -> None:
        who %= len(self.members)
        try:
            self._turn(self.members[who], most)
        except Crash:
            self.counts["crashes"] += 1
            self.crash(who)

    def work(self, who: int) -> None:
        who %= len(self.members)
        try:
            self.members[who].work()
        except Crash:
            self.counts["crashes"] += 1
            self.crash(who)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def fuse(self, calls: int, after: bool, outage: int) -> None:
        self.faults.arm(calls, after, outage)

    def crash(self, who: int) -> None:
        """What its producer had in hand is lost; the group sees it leave."""
        who %= len(self.members)
        self._bury(self.members[who])
        self.members[who] = self._member()

    def zombie(self, who: int) -> None:
        """The group thinks it dead, but it isn't."""
        who %= len(self.members)
        member = self.members[who]
        self.zombies.append(member)
        self._leave(member)
        self.members[who] = self._member()

    def haunt(self, turns: int) -> None:
        """A zombie goes on; what it had in hand reaches the log."""
        if self.zombies:
            member = self.zombies.pop()
            try:
                for _ in range(turns):
                    member.work()
                    self._turn(member, 50)
            except Crash:
                self.counts["crashes"] += 1
            self._bury(member)

    def set_late(self, jobs: bool, sends: bool) -> None:
        self.late = jobs, sends

    def sweep(self, on: bool) -> None:
        self.sweeping = on

    def rebalance(self) -> None:
        self.log.rebalance(self.settings.events_topic, self.settings.group_id)

    def collect(self) -> None:
        """Long enough for garbage to be collected; nobody has anything in hand meanwhile."""
        for who in range(len(self.members)):
            self.work(who)
            self.turn(who, 50)
            self.work(who)
            self.turn(who, 50)
        if not any(len(member.later) + len(member.wire.sends.kept) for member in self.members):
            self.now += 200.0

    # -- the end

    def drain(self) -> None:
        self.faults.disarm()
        self.late, self.sweeping = (False, False), True
        self.feed(len(self.script.messages))
        while self.zombies:
            self.haunt(2)
        for _ in range(300):
            for member in self.members:
                member.work()
                self._turn(member, 50)
            if self.settled():
                return
            self.now += 0.6
        raise AssertionError(f"not settled: {self.unsettled()}")

    def settled(self) -> bool:
        return not self.unsettled()

    def unsettled(self) -> list[str]:
        """What is still open, by partition."""
        found = []
        for partition, (_, end) in self.log.bounds(self.settings.events_topic).items():
            owners = [m.worker.owned[partition] for m in self.members if partition in m.worker.owned]
            if len(owners) != 1:
                found.append(f"{partition}: {len(owners)} owners, {[m.worker.stopped for m in self.members]}")
                continue
            owned = owners[0]
            view = owned.view
            flags = {
                "applied": view.applied != end,
                "outbox": view.outbox,
                "pending": view.pending,
                "cleanups": view.cleanups,
                "registered": view.registered != view.last_end,
                "live open rows": any(held.live for held in view.open.values()),
                "busy": owned.running or owned.sealing or owned.publishing or owned.sending or owned.receipts,
            }
            if partition < self.settings.partitions:
                shards = owned.manifest.shards if owned.manifest else ()
                flags["manifest"] = owned.manifest is None or owned.manifest.applied != view.applied
                flags["through"] = any(entry.through != view.last_end for entry in shards)
            found += [f"{partition}: {name} {value}" for name, value in flags.items() if value]
        return found

    # -- members

    def _member(self) -> Member:
        wire, later = Wire(self.log, self.faults), Later()
        client = FaultyRedis.from_url(self.redis_url)
        client.fuse = self.faults
        trainers = SlowTrainers(self.learner, self.store, later)
        worker = Worker(
            self.settings, wire, client, self.store, self.learner, trainers, clock=lambda: self.now
        )
        worker._sweeper = _Sweeper(self.settings, self.store)
        worker._sweeper.world = self
        worker._sealer._io = later
        return Member(worker, wire, later, trainers)

    def _turn(self, member: Member, most: int) -> None:
        member.wire.most = most
        member.later.late, member.wire.sends.late = self.late
        member.worker.turn(0.0)

    def _bury(self, member: Member) -> None:
        self._leave(member)
        member.worker._state_of(0)._redis.close()
        self.counts.update(member.worker.counters)
        for owned in member.worker.owned.values():
            self.counts.update(owned.counters)
        self.counts["restarts"] += member.trainers.restarts

    def _leave(self, member: Member) -> None:
        reader, member.wire.member = member.wire.member, None
        if reader is not None:
            self.log.leave(reader)

"""Any history of a model: workers on one log, one Redis and one store, turned, stopped and killed at will."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import redis
from pydantic import SecretStr

from processor.events import Delete, Insert
from processor.log.memory import MemoryLog
from processor.parsing import Parser
from processor.pool import learner_of
from processor.reference import Replay
from processor.settings import Settings
from processor.sweep import Sweeper
from processor.worker import Worker
from tests.property.histories import Action, Shape
from tests.property.strategies import CLASSES, Script
from tests.property.wires import Crash, FaultyRedis, Fuse, Later, MemoryStore, SlowTrainers, Wire

SECRET = "a secret of the tests, 32 bytes.."


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

    def copy_without_the_dead(self, other: World, found: Mapping[int, Replay]) -> int:
        """Take over another world's log, offset by offset, with null where a dead record or a delete stood.

        Returns how many became null."""
        topic, parser, nulled = self.settings.events_topic, Parser(CLASSES, 64, counts=True), 0
        for partition, (_, end) in other.log.bounds(other.settings.events_topic).items():
            live = (
                {slot for slot, row in found[partition].rows.items() if row.death is None} if partition in found else ()
            )
            for record in other.log.read(other.settings.events_topic, partition, 0, end):
                self._gap_up_to(partition, record.offset)
                dead = record.offset not in live and isinstance(parser.parse(record.value), Insert | Delete)
                nulled += dead
                value = None if dead else record.value
                self.log.append(topic, partition, record.key, value, record.headers)
            self._gap_up_to(partition, end)
        self.fed = len(self.script.messages)
        return nulled

    def _gap_up_to(self, partition: int, offset: int) -> None:
        at = self.log.bounds(self.settings.events_topic)[partition][1]
        self.log.gap(self.settings.events_topic, partition, offset - at)

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
        client: Any = FaultyRedis.from_url(self.redis_url)
        client.fuse = self.faults
        trainers = SlowTrainers(self.learner, self.store, later)
        with patch("processor.worker.ThreadPoolExecutor", lambda *_, **__: later):
            worker = Worker(self.settings, wire, client, self.store, self.learner, trainers, clock=lambda: self.now)
        worker._sweeper = _Sweeper(self.settings, self.store, self.learner.forgets)
        worker._sweeper.world = self
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

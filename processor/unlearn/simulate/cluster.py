"""A simulated world: workers on one log, one Redis and one store, which take turns, stop and are killed as told."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

import redis
from pydantic import SecretStr

from unlearn.learners import learner_of
from unlearn.log.memory.log import MemoryLog
from unlearn.partition.claimed_partition import ClaimedPartition
from unlearn.settings import Settings
from unlearn.simulate.determinism import EPOCH, Chance
from unlearn.simulate.fault_injection import Crash, FaultPlan, MemoryStore
from unlearn.simulate.history import Action, Shape
from unlearn.simulate.judging.violations import Wrong
from unlearn.simulate.members import Member, Place
from unlearn.simulate.script import CLASSES, Script
from unlearn.simulate.snapshots import Snapshots
from unlearn.storage.slice_files import LAST_READ

__all__ = ["World"]

_SECRET = "a secret of simulations, 32 bytes"  # noqa: S105  it protects nothing
_MOST = 50
_LOOKS_EVERY = 60.0
"""Seconds: no worker looks for garbage less often."""


class World:
    """A model's world. Each method that an `Action` may name makes one thing happen in it.

    All that its workers do follows from the script, the shape, the actions and the seed. `name` is the model's; its
    keys in Redis are the world's own, and are deleted by `close`.
    """

    def __init__(
        self,
        script: Script,
        shape: Shape,
        learner_id: str,
        redis_url: str,
        name: str = "",
        seed: int = 0,
        ingest: Literal["fast", "plain"] = "fast",
    ) -> None:
        self.script = script
        self.settings = _settings(script, shape, learner_id, name or f"t{uuid.uuid4().hex[:12]}", ingest)
        self.redis = redis.Redis.from_url(redis_url)
        self.counts: Counter[str] = Counter()
        fuse = FaultPlan()
        self.log = MemoryLog(clock=lambda: round((EPOCH + self.place.now) * 1000))
        self.store = MemoryStore(lambda: self.place.now, fuse)
        learner = learner_of(self.settings)
        self.place = Place(self.settings, self.log, redis_url, self.store, learner, fuse, Chance(seed))
        self.log.create_topic(self.settings.events_topic, script.topic_partitions)
        for topic in ("results_topic", "receipts_topic", "dead_letters_topic", "history_topic"):
            self.log.create_topic(getattr(self.settings, topic), 1)
        self.zombies: list[Member] = []
        self.members = [Member(self.place) for _ in range(shape.workers)]
        self.fed = 0
        self._acting: Member | None = None
        self._snapshots = Snapshots(self.redis, self.settings.model)

    def close(self) -> None:
        """End all workers, and delete the model's keys from Redis."""
        for member in (*self.members, *self.zombies):
            self._bury(member)
        self._snapshots.wipe()
        self.redis.close()
        LAST_READ.clear()  # it would hold the store, and all of this world by it

    # -- actions

    def act(self, action: Action) -> None:
        """Make one action happen."""
        getattr(self, action[0])(*action[1:])

    def feed(self, count: int) -> None:
        """Send the next `count` messages of the script to the events topic."""
        self.script.send(self.log, self.settings.events_topic, self.fed, self.fed + count)
        self.fed += count

    def again(self, share: float) -> None:
        """Send a message once more that was sent before; `share`, below 1, says which."""
        at = int(share * min(self.fed, len(self.script.messages)))
        for message in self.script.messages[at : at + 1]:
            self.log.append(self.settings.events_topic, message.partition, message.key, message.value, message.headers)

    def turn(self, who: int, most: int) -> None:
        """A worker takes one turn of its loop, with at most `most` records."""
        self._guarded(self._member(who), lambda member: member.turn(most))

    def work(self, who: int) -> None:
        """Jobs and sends that a worker has kept back are done now."""
        self._guarded(self._member(who), Member.work)

    def wait(self, seconds: float) -> None:
        """Let the world's clock go on."""
        self.place.now += seconds

    def fuse(self, calls: int, after: bool, outage: int) -> None:
        """Let a coming call fail, by crash or outage; see `FaultPlan`."""
        self.place.fuse.arm(calls, after, outage)

    def slow(self, calls: int, after: bool, seconds: float) -> None:
        """Let a coming call take so many seconds of the world's time."""
        self.place.fuse.arm(calls, after, meanwhile=lambda: self.wait(seconds))

    def stall(self, calls: int, after: bool, turns: int) -> None:
        """Let a worker hang in a coming call: the group takes it for dead, and the others take turns meanwhile."""
        self.place.fuse.arm(calls, after, meanwhile=lambda: self._hang(turns))

    def amid(self, calls: int, after: bool, name: str, *given: int) -> None:
        """Let another action be taken while a coming call is made."""
        self.place.fuse.arm(calls, after, meanwhile=lambda: self.act((name, *given)))

    def crash(self, who: int) -> None:
        """A worker dies at once: what its producer has kept back is lost, and another worker is started."""
        self._replace(self._member(who), dead=True)

    def zombie(self, who: int) -> None:
        """The group takes a worker for dead though it lives on, and another is started."""
        self._replace(self._member(who), dead=False)

    def haunt(self, turns: int) -> None:
        """A zombie does what it kept back and takes some turns, then ends."""
        if self.zombies:
            member = self.zombies.pop()
            self._guarded(member, partial(_go_on, turns))
            self._bury(member)

    def set_late(self, jobs: bool, sends: bool) -> None:
        """Whether workers keep back jobs and sends from now on, until `work`."""
        self.place.late_jobs, self.place.late_sends = jobs, sends

    def sweep(self, on: bool) -> None:
        """Whether clean-ups go on."""
        self.place.sweeping = on

    def rebalance(self) -> None:
        """The consumer group deals out its partitions anew."""
        self.log.rebalance(self.settings.events_topic, self.settings.group_id)

    def collect(self) -> None:
        """Let all workers finish what is under way, then let the time pass after which garbage is collected."""
        for who in range(len(self.members)):
            for _ in range(2):
                self.work(who)
                self.turn(who, _MOST)
        if not any(member.in_hand for member in self.members):
            self.place.now += 200.0

    def snapshot(self) -> None:
        """Copy what Redis holds of the model, for `roll_back`."""
        self._snapshots.take()

    def roll_back(self, age: int) -> None:
        """Set Redis back by `age` snapshots; before the first it held nothing. From then on workers may rebuild."""
        self._snapshots.restore(age)
        self.place.rebuild = True
        self.counts["roll backs"] += 1

    # -- the end

    def drain(self) -> None:
        """Without further faults, let workers go on until all that was sent is applied and published.

        Raises Wrong if that isn't so after 300 rounds.
        """
        self.place.fuse.disarm()
        self.place.late_jobs, self.place.late_sends, self.place.sweeping = False, False, True
        self.feed(len(self.script.messages))
        while self.zombies:
            self.haunt(2)
        # An idle owner asks Redis only when a heartbeat is due, and notices a rollback only then.
        self.place.now += self.settings.heartbeat_every
        for _ in range(300):
            for member in list(self.members):
                member.work()
                member.turn(_MOST)
                self._restart_if_told(member)
            if self.settled():
                return
            self.place.now += 0.6
        raise Wrong(f"not settled: {self.unsettled()}")

    def erase(self) -> None:
        """Let so much time pass, without any event, that all that was deleted is erased.

        Raises Wrong if that isn't so after 60 looks for garbage.
        """
        longest = max(self.settings.garbage_grace, self.settings.erase_after, _LOOKS_EVERY)
        for _ in range(60):
            self.place.now += longest
            for member in self.members:
                member.work()
                member.turn(_MOST)
            if not self._unerased():
                return
        raise Wrong(f"not erased: {self._unerased()}")

    def _unerased(self) -> list[str]:
        """The partitions whose newest manifest doesn't say that all is erased that died before its end."""
        owners = (owned for member in self.members for owned in member.worker.owned.values())
        told = {one.partition: (one.manifest, one.view.applied) for one in owners}
        publishing = {p: told[p] for p in range(self.settings.partitions)}
        return [
            f"{p}: {manifest.erased_through if manifest else None} of {applied}"
            for p, (manifest, applied) in publishing.items()
            if manifest is None or manifest.erased_through < applied
        ]

    def _restart_if_told(self, member: Member) -> None:
        """Restart a worker with `--rebuild` where a partition's reason to stop asks for it, as an operator would."""
        if self.place.rebuild and any("--rebuild" in why for why in member.worker.stopped.values()):
            self._replace(member, dead=True)
            self.counts["rebuilds"] += 1

    def settled(self) -> bool:
        """Whether nothing is open any more."""
        return not self.unsettled()

    def unsettled(self) -> list[str]:
        """What is still open, as texts that begin with the partition."""
        found: list[str] = []
        for partition, (_, end) in self.log.bounds(self.settings.events_topic).items():
            owners = [m.worker.owned[partition] for m in self.members if partition in m.worker.owned]
            if len(owners) != 1:
                found.append(f"{partition}: {len(owners)} owners, {[m.worker.stopped for m in self.members]}")
            else:
                found += (f"{partition}: {name} {value}" for name, value in self._open(owners[0], end) if value)
        return found

    def _open(self, owned: ClaimedPartition, end: int) -> Iterator[tuple[str, object]]:
        view = owned.view
        yield "applied", view.applied != end
        yield "outbox", view.outbox
        yield "pending", view.pending
        yield "uncounted", view.uncounted
        yield "cleanups", view.cleanups
        yield "registered", view.registered != view.last_end
        yield "live open rows", any(held.live for held in view.open.values())
        yield "busy", owned.running or owned.sealing or owned.publishing or owned.sending or owned.receipts
        if owned.partition < self.settings.partitions:
            shards = owned.manifest.shards if owned.manifest else ()
            yield "manifest", owned.manifest is None or owned.manifest.applied != view.applied
            yield "through", any(entry.through != view.last_end for entry in shards)

    # -- members

    def _member(self, who: int) -> Member:
        return self.members[who % len(self.members)]

    def _guarded(self, member: Member, act: Callable[[Member], object]) -> None:
        self._acting = member
        try:
            act(member)
        except Crash:
            self.counts["crashes"] += 1
            self._replace(member, dead=True)

    def _hang(self, turns: int) -> None:
        hung = self._acting
        if hung is None or hung not in self.members:
            return
        self.counts["stalls"] += 1
        self._replace(hung, dead=False)
        for _ in range(turns):
            self.wait(1.1)
            for member in list(self.members):
                self._guarded(member, partial(_go_on, 1))
        self._acting = hung

    def _replace(self, member: Member, *, dead: bool) -> None:
        if member in self.members:
            if dead:
                self._bury(member)
            else:
                member.leave(self.log.leave)
                self.zombies.append(member)
            self.members[self.members.index(member)] = Member(self.place)

    def _bury(self, member: Member) -> None:
        member.leave(self.log.leave)
        self.counts.update(member.bury())


def _go_on(turns: int, member: Member) -> None:
    for _ in range(turns):
        member.work()
        member.turn(_MOST)


def _settings(script: Script, shape: Shape, learner_id: str, model: str, ingest: str) -> Settings:
    values: dict[str, Any] = {
        "model": model,
        "secret": SecretStr(_SECRET),
        "learner": learner_id,
        "classes": CLASSES,
        "features": 64,
        "subjects": script.subjects,
        "partitions": script.partitions,
        "shards_per_partition": shape.shards,
        "slice_span": shape.slice_span,
        "seal_after": 2.0,
        "withdraw": shape.withdraw,
        "window": shape.window,
        "publish_every": shape.publish_every,
        "checkpoints": shape.checkpoints,
        "erase_after": shape.erase_after,
        "tail_every": shape.tail_every,
        "garbage_grace": shape.garbage_grace,
        "trainers": 0,
        "ingest": ingest,
    }
    return Settings(**values)

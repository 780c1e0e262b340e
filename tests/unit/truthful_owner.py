"""A small model on the in-process log, and an owner that publishes the truth."""

from __future__ import annotations

from typing import Any, Literal

from tests.harness.events import SEAL_BYTES, delete, insert
from unlearn.events.event import Delete, Insert, encode
from unlearn.log.memory.log import MemoryLog
from unlearn.results.manifest import Manifest, ShardEntry, TokenField, manifest_key
from unlearn.simulate.replay import replay_log
from unlearn.verification.from_log import verify_log
from unlearn.verification.reference import Model
from unlearn.verification.report import Report
from unlearn.verification.subject import Subject
from unlearn_models import make_learner

IDENTITY = "1d" * 32
SECRET = b"a secret of tests"
EVENTS, RESULTS = "m.events", "m.results"


class TruthfulOwner:
    """A model of two partitions and two shards each, with events, and an owner that publishes the truth."""

    def __init__(self, learner: str = "linear", **subject: Any) -> None:
        self.log = MemoryLog()
        self.log.create_topic(EVENTS, 3)
        self.log.create_topic(RESULTS, 1)
        trained = make_learner(learner, ("ham", "spam"), 64)
        self.model = Model(2, 2, 10, True, SECRET, trained)
        given: dict[str, Any] = {"model": self.model, "identity": IDENTITY, "profile": "p"} | subject
        self.subject = Subject("m", EVENTS, RESULTS, **given)
        self.sequence = 0

    def fill(self, count: int = 40) -> None:
        """`count` inserts, a third of which is deleted later, and a seal."""
        for i in range(count):
            self.put(_insert(i))
            if i % 3 == 0 and i > 8:
                self.put(delete(f"r{i - 8}", f"s{i - 8}"))
        for partition in range(2):
            self.log.append(EVENTS, partition, None, SEAL_BYTES, ())

    def put(self, event: Insert | Delete) -> None:
        self.log.append(EVENTS, self.model.home(event.subject_id or ""), None, encode(event), ())

    def put_one(self) -> None:
        """One more event, which nobody has applied."""
        self.put(_insert(1000))

    def end(self, partition: int) -> int:
        return self.log.bounds(EVENTS)[partition][1]

    def truth(self, partition: int, applied: int | None = None) -> Manifest:
        """What an owner without faults publishes at `applied`."""
        applied = self.end(partition) if applied is None else applied
        found = replay_log(self.log, self.subject, partition, applied)
        through = max(end for end in range(applied + 1) if found.is_end(end))
        states = [found.state(shard, through, applied) for shard in range(2)]
        self.sequence += 1
        return Manifest(
            model="m",
            identity=self.subject.identity,
            partition=partition,
            token=TokenField(counter=1, nonce="0" * 32),
            sequence=self.sequence,
            applied=applied,
            erased_through=0,
            created_at=0,
            learner=self.model.learner.id,
            profile="p",
            shards=tuple(_entry(shard, through, *state) for shard, state in enumerate(states)),
        )

    def publish(self, manifest: Manifest) -> None:
        self.log.append(RESULTS, 0, manifest_key("m", manifest.partition), manifest.encode(), ())

    def verify(self) -> Report:
        return verify_log(self.log, self.subject)


def changed(manifest: Manifest, shard: int, **changes: Any) -> Manifest:
    entries = [e.model_copy(update=changes) if e.shard == shard else e for e in manifest.shards]
    return manifest.model_copy(update={"shards": tuple(entries)})


def truthful_owner(learner: str = "linear", **subject: Any) -> TruthfulOwner:
    made = TruthfulOwner(learner, **subject)
    made.fill()
    return made


def _insert(i: int) -> Insert:
    label = "spam" if i % 2 else "ham"
    return insert(f"r{i}", f"s{i}", label=label, text=f"tea w{i % 5}")


def _entry(shard: int, through: int, digest: str, lineage: str, rows: int) -> ShardEntry:
    status: Literal["current", "empty"] = "current" if rows else "empty"
    return ShardEntry(
        shard=shard,
        through=through,
        status=status,
        rows=rows,
        lineage=lineage,
        digest=digest,
        file="",
        size=0,
    )

"""Owners played by hand, for tests of what reads their manifests."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.harness.settings import settings_of
from unlearn.identity import identity_hash, identity_of
from unlearn.learners import learner_of
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import Header
from unlearn.results.manifest import Heartbeat, Manifest, ShardEntry, TokenField, heartbeat_key, manifest_key
from unlearn.scoring.published_model import of_settings
from unlearn.scoring.scorer import Scorer
from unlearn.settings import LearnerName
from unlearn.storage.artefacts import Artefact, FolderStore, artefact_name
from unlearn_models import Learner, Rows, State, digest, encode_state, hash_texts

FEATURES = 2**10
LEASE = 20.0
NONCE = "a" * 32
HAM = [("see you at lunch", 0), ("minutes of the meeting", 0)]
SPAM = [("win a prize now", 1), ("free prize", 1), ("cheap pills", 1)]
OTHERS = (HAM[:1], SPAM[:2])
PROBE = ["a free prize at lunch"]


class CountingStore(FolderStore):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fetched: list[str] = []

    def get(self, name: str, size: int | None = None) -> bytes:
        self.fetched.append(name)
        return super().get(name, size)


class Appends(Protocol):
    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> int: ...


class ResultsHarness:
    """A results topic, a store, and owners played by hand; monotonic time stands still unless moved."""

    def __init__(
        self, folder: Path, learner: LearnerName, log: Appends | None = None, events_partitions: int = 2, **changed: Any
    ) -> None:
        self.folder = folder
        self.now = 1000.0
        values: dict[str, Any] = {
            "model": "demo",
            "learner": learner,
            "features": FEATURES,
            "partitions": 2,
            "shards_per_partition": 2,
            "lease": LEASE,
            "heartbeat_every": 5.0,
        }
        self.settings = settings_of(**values | changed)
        self.learner: Learner = learner_of(self.settings)
        self.made = identity_of(self.settings, self.learner)
        self.identity = identity_hash(self.made)
        self.log = MemoryLog()
        self.log.create_topic("demo.events", events_partitions)
        self.log.create_topic("demo.results", 1)
        self._appends = log or self.log
        self.store = CountingStore(folder)

    def scorer(self, identity: str | None = None, **more: Any) -> Scorer:
        model = of_settings(self.settings, identity)
        return Scorer(self.settings, self.log, self.store, model, lambda: self.now, **more)

    def state(self, rows: Sequence[tuple[str, int]]) -> State:
        csr = hash_texts([text for text, _ in rows], FEATURES)
        labels = np.array([label for _, label in rows], np.int32)
        return self.learner.learn(self.learner.empty(), Rows(labels, *csr))

    def entry(self, partition: int, place: int, given: Sequence[tuple[str, int]], /, **changed: Any) -> ShardEntry:
        state = self.state(given)
        data = encode_state(self.learner, state)
        name = artefact_name(Artefact(partition, place, "state", 5, 5), "1-1", data) if given else ""
        if given:
            self.store.put(name, data)
        values: dict[str, Any] = {
            "shard": place,
            "through": 5 if given else 0,
            "status": "current" if given else "empty",
            "rows": len(given),
            "lineage": "0" * 32,
            "digest": digest(self.learner, state),
            "file": name,
            "size": len(data),
        }
        return ShardEntry(**(values | changed))

    def manifest(
        self, partition: int, sequence: int, shards: Sequence[ShardEntry], *, counter: int = 1, **changed: Any
    ) -> Manifest:
        values: dict[str, Any] = {
            "model": self.settings.model,
            "identity": self.identity,
            "partition": partition,
            "token": TokenField(counter=counter, nonce=NONCE),
            "sequence": sequence,
            "applied": 10 * sequence,
            "erased_through": 0,
            "created_at": 0,
            "learner": self.learner.id,
            "profile": "",
            "shards": tuple(shards),
        }
        return Manifest(**(values | changed))

    def send(self, manifest: Manifest) -> int:
        if self._appends is self.log:
            self._fill(manifest.partition, manifest.applied)
        key = manifest_key(self.settings.model, manifest.partition)
        return self._appends.append(self.settings.results_topic, 0, key, manifest.encode(), ())

    def _fill(self, partition: int, applied: int) -> None:
        """A manifest that has applied more than the log holds is not believed."""
        bounds = self.log.bounds(self.settings.events_topic)
        if partition in bounds:
            self.log.gap(self.settings.events_topic, partition, max(0, applied - bounds[partition][1]))

    def publish(
        self,
        partition: int,
        sequence: int,
        rows: Sequence[tuple[str, int]],
        *,
        counter: int = 1,
        **changed: Any,
    ) -> int:
        """One shard with these rows, the other ones without any."""
        shards = [self.entry(partition, 0, rows), *self.without_rows(partition, 1)]
        return self.send(self.manifest(partition, sequence, shards, counter=counter, **changed))

    def without_rows(self, partition: int, start: int) -> list[ShardEntry]:
        """Entries of the shards from `start` on that have no rows."""
        return [self.entry(partition, shard, []) for shard in range(start, self.settings.shards_per_partition)]

    def beat(self, partition: int, sequence: int, *, counter: int = 1, nonce: str = NONCE) -> int:
        value = Heartbeat(counter=counter, nonce=nonce, sequence=sequence).encode()
        key = heartbeat_key(self.settings.model, partition)
        return self._appends.append(self.settings.results_topic, 0, key, value, ())

    def both(self, scorer: Scorer) -> None:
        """Both partitions have a manifest that is vouched for."""
        self.publish(0, 1, HAM)
        self.publish(1, 1, SPAM)
        scorer.poll(0)
        for partition in (0, 1):
            self.beat(partition, 1)
        scorer.poll(0)
        assert scorer.left_out == ()

    def expected(self, *shards: Sequence[tuple[str, int]]) -> NDArray[np.float64]:
        ensemble = self.learner.ensemble([self.state(rows) for rows in shards])
        return ensemble.scores(Rows(np.full(len(PROBE), -1, np.int32), *hash_texts(PROBE, FEATURES)))

    def corrupt(self, how: str) -> None:
        """Harms every stored file."""
        for name, *_ in self.store.names(""):
            path = self.folder / name
            data = path.read_bytes()
            path.unlink()
            if how in _HARMS:
                _HARMS[how](path, data)
            elif how != "missing":
                path.write_bytes(_corrupted(data, how))


def _link(path: Path, data: bytes) -> None:
    outside = path.parents[4] / f"outside {path.name}"
    outside.write_bytes(data)
    path.symlink_to(outside)


def _terabyte(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.truncate(path, 1 << 40)


_HARMS: dict[str, Callable[[Path, bytes], None]] = {
    "pipe": lambda path, _: os.mkfifo(path),
    "link": _link,
    "loop": lambda path, _: path.symlink_to(path.name),
    "folder": lambda path, _: path.mkdir(),
    "a terabyte": _terabyte,
}


def _corrupted(data: bytes, how: str) -> bytes:
    return {
        "truncated": data[:-1],
        "longer": data + b"\0",
        "flipped": data[:-1] + bytes([data[-1] ^ 1]),
        "pickle": pickle.dumps(Bomb()),
        "empty": b"",
    }[how]


class Bomb:
    """Fails the test that unpickles it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was loaded",)

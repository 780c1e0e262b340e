"""Owners frozen by SIGSTOP beyond their session, on real Kafka and Redis, whose counter a rollback gave once more."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.faults.calls import Point
from tests.faults.halting import halting, is_halted, wait_halted
from tests.harness.kafka_harness import KafkaHarness
from tests.harness.processes import Process
from tests.harness.waiting import until
from unlearn.state.scripts import Token
from unlearn.storage.artefacts import open_store

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]

DEAD = 35
"""A record that is deleted while the zombie is frozen with a state, a manifest or a file that holds it."""
SLOWLY = {"UNLEARN_BATCH_RECORDS": "1"}


@pytest.fixture
def harness(make_settings: MakeSettings, kafka: str) -> Iterator[KafkaHarness]:
    made = KafkaHarness(
        make_settings(
            partitions=1,
            shards_per_partition=1,
            features=2**10,
            slice_span=10,
            seal_after=0.3,
            heartbeat_every=0.5,
            lease=4.0,
            trainers=0,
            kafka={"bootstrap_servers": kafka, "session_timeout": 6},
        )
    )
    yield made
    made.close()


class Tale:
    """A first owner's life, with Redis as it stood early and late in it; then a zombie and its successor."""

    def __init__(self, harness: KafkaHarness, folder: Path) -> None:
        self.harness, self.folder = harness, folder
        with Process(harness.settings, folder, "work") as first:
            harness.insert(range(30))
            until(harness.covered, 60, "all is published")
            self.early = harness.remember()
            harness.insert(range(30, 120))
            until(harness.covered, 60, "all is published")
            assert first.stop() == 0
        self.late = harness.remember()
        assert harness.counters() == [1]

    def freeze(self, point: Point, **changed: str) -> Process:
        """A second owner comes to the point and stands still."""
        self.zombie = halting(self.harness.settings, self.folder, point, **changed)
        wait_halted(self.zombie)
        (self.zombies_token,) = self.harness.tokens()
        assert self.harness.owners() == {self.zombie.pid}
        return self.zombie

    def succeed(self) -> Process:
        """Another takes over, with the same counter, as soon as the group thinks the zombie dead."""
        self.harness.delete([DEAD])
        self.other = Process(self.harness.settings, self.folder, "work")
        self.harness.wait_hidden([DEAD], 60)
        (self.others_token,) = self.harness.tokens()
        assert self.harness.owners() == {self.other.pid}
        assert is_halted(self.zombie)
        assert self.zombies_token.counter == self.others_token.counter == 2
        assert self.zombies_token.nonce != self.others_token.nonce
        return self.other

    def wake(self, why: str) -> None:
        """It goes on where it was, and drops the partition for that reason."""
        self.zombie.signal(signal.SIGCONT)
        until(lambda: self.harness.covered() and self.zombie.said(f"partition 0 dropped: {why}"), 60, "it drops it")

    def end(self) -> None:
        """Whoever owns the partition then goes on; nobody has seen again who was gone."""
        self.harness.insert(range(200, 230))
        until(self.harness.covered, 60, "all is published")
        assert self.harness.look_afresh() == 1
        until(lambda: not self.harness.left_out, 60, "the scorer serves the partition")
        until(self.harness.look, 60, "the scorer serves none of the gone")
        until(lambda: self.harness.verdicts() == {"equal"}, 60, "all is learned")
        assert self.zombie.stop() == 0
        assert self.other.stop() == 0
        assert self.harness.manifests()[-1][1].token.nonce != self.zombies_token.nonce

    def said_by(self, token: Token) -> int:
        return sum(manifest.token.nonce == token.nonce for _, manifest in self.harness.manifests())

    def close(self) -> None:
        for process in (self.zombie, self.other):
            process.__exit__()


@pytest.fixture
def tale(harness: KafkaHarness, tmp_path: Path) -> Iterator[Tale]:
    made = Tale(harness, tmp_path)
    yield made
    made.close()


def test_waking_at_the_gate(tale: Tale) -> None:
    tale.freeze(Point("script commit in Manifests._publish", 1, False))
    tale.harness.roll_back(tale.late)
    tale.succeed()

    tale.wake("another owner holds this partition")
    tale.end()

    assert tale.zombie.counters()["fenced"] >= 1
    assert tale.said_by(tale.zombies_token) == 0
    assert tale.said_by(tale.others_token) > 0


def test_waking_with_a_manifest_in_hand_that_looks_newer(tale: Tale) -> None:
    """It was written after many files, so its sequence is above its successor's."""
    tale.harness.roll_back(tale.early)
    tale.freeze(Point("send results in Manifests._send", 1, False), **SLOWLY)
    tale.harness.roll_back(tale.late)
    tale.succeed()
    assert tale.said_by(tale.zombies_token) == 0
    _, before = tale.harness.manifests()[-1]

    tale.wake("")
    late = next(m for _, m in tale.harness.manifests() if m.token.nonce == tale.zombies_token.nonce)
    assert late.order > before.order
    assert late.applied < before.applied
    until(lambda: tale.harness.counters()[0] > 2, 60, "its successor has claimed again")
    tale.end()

    assert tale.other.said("dropped: the results topic shows another owner")
    assert tale.said_by(tale.zombies_token) == 1


@pytest.mark.soak
def test_waking_in_mid_file(tale: Tale) -> None:
    tale.harness.roll_back(tale.early)
    tale.freeze(Point("rename in write_slice", 1, False), **SLOWLY)
    tale.harness.roll_back(tale.early)
    tale.succeed()
    store = open_store(tale.harness.settings.store, tale.harness.settings.model)

    tale.wake("")
    orphans = {name for name, *_ in store.names("0/0/slice") if f"2-{tale.zombies_token.nonce[:8]}-" in name}
    tale.end()

    assert orphans
    (view,) = tale.harness.views()
    assert not orphans & {held.file for held in view.slices.values()}
    assert tale.said_by(tale.zombies_token) == 0

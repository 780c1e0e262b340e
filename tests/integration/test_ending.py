"""SIGTERM and Ctrl-C end every command, whatever step hangs: a child in which one method sleeps for ever shows it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from _pytest.mark import ParameterSet

from tests.conftest import MakeSettings
from tests.harness.processes import environment
from tests.harness.waiting import until
from unlearn.admin import topics
from unlearn.events.partitioner import home
from unlearn.log.kafka.log import KafkaLog
from unlearn.settings import Settings
from unlearn_study.generator.tweet_generator import tweets

pytestmark = pytest.mark.timeout(1800)

HANG = """
import importlib, sys, time
import unlearn.cli.ending, unlearn.cli.main

def hang(*_, **__):
    print("it hangs", file=sys.__stderr__, flush=True)
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass

name, _, path = sys.argv[1].partition(":")
*owners, method = path.split(".")
place = importlib.import_module(name)
for owner in owners:
    place = getattr(place, owner)
setattr(place, method, hang)
unlearn.cli.ending.FORCED_AFTER = 1.0
if method != "nowhere":  # what hangs ends by force: no need to wait long for it
    unlearn.cli.ending._PLAIN = 0.5
unlearn.cli.main.main(sys.argv[2:])
"""
NOWHERE = "unlearn.cli.ending:nowhere"  # no such name: nothing hangs
ENDED_WITHIN = 30.0
"""Seconds from a signal until a process must have ended, in order or by force: the longest of these takes four."""
IN_THE_LOOP = (
    "unlearn.log.kafka.reader:KafkaReader.poll",
    "unlearn.log.kafka.interval:KafkaTail.poll",
    "unlearn.worker.claim:Claimer.claim",
    "unlearn.state.scripts:PartitionState._ask",
    "unlearn.ingest.apply:Intake.apply",
    "unlearn.forwarding.outbox:Outbox.turn",
    "unlearn.maintenance.seal:Sealer.turn",
    "unlearn.training.dispatch:Training.turn",
    "unlearn.publishing.manifests:Manifests.turn",
    "unlearn.operator_requests.runner:RequestRunner.turn",
    "unlearn.maintenance.cleanup:Cleaner.turn",
    "os:fsync",
)
AT_THE_START = ("unlearn.log.kafka.log:KafkaLog._described", "unlearn.worker.preflight:check_redis")
AT_THE_END = (
    "unlearn.log.kafka.reader:KafkaReader.close",
    "unlearn.log.kafka.producer:KafkaProducer.close",
    "unlearn.worker.loop:Worker.close",
)
OTHERS = {
    ("verify", "--from-log"): "unlearn.results.results_topic:Results.follow",
    ("verify",): "unlearn.state.scripts:PartitionState.load",
    ("score", "-"): "unlearn.log.kafka.log:KafkaLog.tail",
    ("status", "--watch"): "unlearn.admin.status.reader:StatusReader.read",
    ("send", "-"): "unlearn.log.kafka.log:KafkaLog.producer",
    ("topics", "check"): "unlearn.log.kafka.log:KafkaLog._described",
    ("manifest",): "unlearn.log.kafka.log:KafkaLog.tail",
    ("record", "a"): "unlearn.admin.lookup:Lookup.records",
    ("work", "--drain"): "unlearn.worker.drain:Drain.step",
    ("demo",): "unlearn.demo.run:start_services",
}
IN_EACH_RUN = {
    "unlearn.log.kafka.reader:KafkaReader.poll",
    "unlearn.state.scripts:PartitionState._ask",
    "os:fsync",
    "unlearn.worker.preflight:check_redis",
    "unlearn.log.kafka.producer:KafkaProducer.close",
    "unlearn.results.results_topic:Results.follow",
    "unlearn.log.kafka.log:KafkaLog.producer",
    "unlearn.worker.drain:Drain.step",
}
"""One of each way to hang: in the client of Kafka, of Redis, in the disk, at the start, at the end, in a command.
The others end by the same code; `make soak` runs them."""


def marks(step: str) -> tuple[pytest.MarkDecorator, ...]:
    return () if step in IN_EACH_RUN else (pytest.mark.soak,)


def cases(steps: Iterable[str]) -> list[ParameterSet]:
    return [pytest.param(step, marks=marks(step)) for step in steps]


class Child:
    def __init__(self, settings: Settings, folder: Path, step: str, *arguments: str) -> None:
        self._errors = folder / "errors"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", HANG, step, *arguments],
                env=environment(settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"type": "seal"}).encode() + b"\n")
        self.process.stdin.flush()

    def errors(self) -> str:
        return self._errors.read_text()

    def says(self, words: str) -> None:
        until(lambda: words in self.errors() or self.process.poll() is not None, 120, words)
        assert words in self.errors(), self.errors()

    def told(self, number: signal.Signals) -> int:
        """Its exit code after the signal. Fails the test where it doesn't end."""
        self.process.send_signal(number)
        try:
            return self.process.wait(ENDED_WITHIN)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{ENDED_WITHIN:g} s after {number.name} it runs on: {self.errors()}") from None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()


Start = Callable[..., Child]


@pytest.fixture
def model(make_settings: MakeSettings) -> Settings:
    """A model whose log has rows, a deletion, and ended slices."""
    settings = make_settings(partitions=2, slice_span=20, drain_within=1.0, features=2**10, trainers=1, window=0)
    log = KafkaLog(settings.kafka)
    topics.create(log, settings)
    producer = log.producer()
    events = [dict(event) for event in tweets(120, 1)]
    someone = next(event["subject_id"] for event in events if "subject_id" in event)
    events.append({"type": "delete", "event_id": "gone", "requested_at": "2026-01-01", "subject_id": someone})
    for event in events:
        key = str(event.get("subject_id") or event["record_id"]).encode()
        producer.send(settings.events_topic, home(key, 2), key, json.dumps(event).encode())
    producer.flush(30)
    producer.close()
    log.close()
    return settings


@pytest.fixture
def start(model: Settings, tmp_path: Path) -> Iterator[Start]:
    children: list[Child] = []

    def begin(step: str, *arguments: str) -> Child:
        children.append(Child(model, tmp_path, step, *arguments))
        return children[-1]

    yield begin
    for child in children:
        child.close()


@pytest.mark.parametrize("step", cases([*IN_THE_LOOP, *AT_THE_START]))
def test_a_worker_that_hangs_in_a_step_ends(start: Start, step: str) -> None:
    child = start(step, "work")
    child.says("it hangs")

    assert child.told(signal.SIGTERM) == 143
    assert "ended by force" in child.errors()


@pytest.mark.parametrize("step", cases(AT_THE_END))
def test_a_worker_that_hangs_while_it_leaves_ends(start: Start, step: str) -> None:
    child = start(step, "work")
    child.says("claimed at")

    assert child.told(signal.SIGTERM) == 143
    assert "ended by force" in child.errors()


def trainers_of(child: Child) -> list[psutil.Process]:
    children = psutil.Process(child.process.pid).children(recursive=True)
    return [process for process in children if any("spawn_main" in word for word in process.cmdline())]


def test_a_worker_whose_trainer_hangs_ends_in_order(start: Start) -> None:
    child = start(NOWHERE, "work")
    child.says("claimed at")
    trainers = until(lambda: trainers_of(child), 60, "a trainer")
    for trainer in trainers:
        trainer.suspend()

    assert child.told(signal.SIGTERM) == 0
    assert "ended by force" not in child.errors()
    until(lambda: not any(trainer.is_running() for trainer in trainers), 60, "no trainer is left")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_connects_in_vain_ends_at_once(
    make_settings: MakeSettings, tmp_path: Path, number: signal.Signals
) -> None:
    settings = make_settings(kafka={"bootstrap_servers": "127.0.0.1:9", "request_timeout": 600.0})
    with closing(Child(settings, tmp_path, NOWHERE, "work")) as child:
        child.says("waiting for Kafka at 127.0.0.1:9")

        assert child.told(number) == 128 + number
        assert "ended by force" not in child.errors()


@pytest.mark.parametrize(
    ("arguments", "step"),
    [pytest.param(*each, id=" ".join(each[0]), marks=marks(each[1])) for each in OTHERS.items()],
)
def test_every_command_that_hangs_ends(start: Start, arguments: tuple[str, ...], step: str) -> None:
    child = start(step, *arguments)
    child.says("it hangs")

    assert child.told(signal.SIGTERM) in (130, 143)
    assert "ended by force" in child.errors()


def test_ctrl_c_ends_a_command_that_hangs(start: Start) -> None:
    child = start("unlearn.admin.status.reader:StatusReader.read", "status")
    child.says("it hangs")

    assert child.told(signal.SIGINT) == 130


def test_a_worker_that_hangs_nowhere_ends_in_order(start: Start) -> None:
    child = start(NOWHERE, "work")
    child.says("claimed at")

    assert child.told(signal.SIGTERM) == 0

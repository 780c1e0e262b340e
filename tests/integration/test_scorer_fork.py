"""A process whose scorer follows Kafka forks, as a web server does that loads it first: child and parent go on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.harness.processes import environment
from tests.harness.results_harness import HAM, PROBE, SPAM, ResultsHarness
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Header, Producer

SCRIPT = """
import json, os, sys, time
from unlearn.errors import NotEnough
from unlearn.scoring.scorer import Scorer
from unlearn.settings import load_settings

def now():
    try:
        return scorer.scores(sys.argv[1:]).scores.tolist()
    except NotEnough:
        return None

def other_than(*known):
    deadline = time.monotonic() + 90
    while (found := now()) in known and time.monotonic() < deadline:
        time.sleep(0.02)
    return found

scorer = Scorer.connect(load_settings()).start()
served = other_than(None)
name = "parent" if os.fork() else "child"

def tell(*found):
    os.write(1, (json.dumps([name, *found]) + "\\n").encode())  # at once: two processes write here

tell(now(), other_than(None))
tell(other_than(None, served))
scorer.close()
if name == "parent":
    os.wait()
"""


class Sent:
    """Appends to Kafka, as an owner does."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def append(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> int:
        return self._producer.send(topic, partition, key, value, headers).result(30)


@contextmanager
def beating(harness: ResultsHarness, sequences: dict[int, int]) -> Iterator[None]:
    """Both partitions' owners vouch for their newest manifests, all the time."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(0.2):
            for partition, sequence in sequences.items():
                harness.beat(partition, sequence)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(60)


@pytest.mark.slow
def test_a_forked_process_has_a_scorer_of_its_own(make_settings: MakeSettings, tmp_path: Path) -> None:
    given = make_settings(partitions=2, shards_per_partition=2, features=2**10, heartbeat_every=1.0, lease=30.0)
    with closing(KafkaLog(given.kafka)) as log, closing(log.producer()) as producer:
        create(log, given)
        changed = {name: getattr(given, name) for name in given.model_fields_set}
        for sent in [producer.send(given.events_topic, n % 2, None, b'{"type":"seal"}') for n in range(40)]:
            sent.result(30)  # the log holds what the manifests say was applied
        harness = ResultsHarness(tmp_path / "store" / given.model, "naive-bayes", Sent(producer), **changed)
        for partition, rows in enumerate((HAM, SPAM)):
            harness.publish(partition, 1, rows)
        sequences = {0: 1, 1: 1}
        with (
            beating(harness, sequences),
            subprocess.Popen(
                [sys.executable, "-c", SCRIPT, *PROBE],
                env=environment(harness.settings),
                stdout=subprocess.PIPE,
                text=True,
            ) as process,
        ):
            assert process.stdout is not None
            served: dict[str, Any] = {
                name: rest for name, *rest in (json.loads(process.stdout.readline()) for _ in "pc")
            }
            harness.publish(0, 2, HAM[:1])
            sequences[0] = 2
            follows: dict[str, Any] = dict(json.loads(process.stdout.readline()) for _ in "pc")

    first, second = harness.expected(HAM, SPAM).tolist(), harness.expected(HAM[:1], SPAM).tolist()
    assert served == {"parent": [first, first], "child": [None, first]}
    assert follows == {"parent": second, "child": second}
    assert process.returncode == 0

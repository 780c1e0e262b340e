"""`unlearn.Client` on a real broker with a real worker: what it sends is applied, and its waits end as they should."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.harness.events import delete, insert, send
from tests.harness.model_data import receipts
from tests.harness.processes import Process, environment, run
from tests.harness.waiting import until
from unlearn import Client, DeletionRefused, NotSent, Pending, Receipt, Settings, StillOpen
from unlearn.admin.topics import create
from unlearn.errors import LogRefused
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Log, TopicSpec
from unlearn.verification.from_log import verify_log
from unlearn.verification.subject import subject_of

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
EVER = 120.0
"""Seconds: no test waits for its end."""


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    return make_settings(partitions=2, trainers=0, seal_after=0.5)


@pytest.fixture
def log(settings: Settings) -> Iterator[Log]:
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
        yield log


@pytest.fixture
def client(settings: Settings, log: Log) -> Iterator[Client]:
    with Client.connect(settings) as client:
        yield client


@pytest.fixture
def worker(settings: Settings, log: Log, tmp_path: Path) -> Iterator[Process]:
    with Process(settings, tmp_path / "worker", "work") as process:
        yield process


def states(settings: Settings, *arguments: str) -> dict[str, str]:
    """Id -> member, forgotten or unknown, as `unlearn record` says."""
    done = run(settings, "record", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return {found["record_id"]: found["state"] for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("forget", r"\S+ hidden \d+\n"),
        ("lift", r"forgotten: 1\n(\S+ (accepted|hidden|lifted) \S+\n){4,}"),
        ("asyncio", r"\['hidden', 'hidden'\]\n"),
    ],
)
def test_the_programs_of_the_page_run_as_they_stand(
    settings: Settings, worker: Process, tmp_path: Path, name: str, said: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(program_of(name))

    done = subprocess.run(
        [sys.executable, program], env=environment(settings), capture_output=True, text=True, timeout=EVER, check=False
    )

    assert (done.returncode, done.stderr) == (0, ""), worker.errors()
    assert re.fullmatch(said, done.stdout), done.stdout


def program_of(name: str) -> str:
    """The page's program with this name."""
    rest = PAGE.partition(f"<!-- {name} -->\n\n")[2].splitlines()
    lines = takewhile(lambda line: not line or line.startswith("    "), rest)
    return "\n".join(line[4:] for line in lines)


def test_each_program_of_the_page_is_run() -> None:
    assert PAGE.count("from unlearn import Client") == PAGE.count("<!-- ") == 3


def test_subjects_records_and_pairs_are_forgotten_and_nothing_else(
    settings: Settings, log: Log, client: Client, worker: Process
) -> None:
    for subject in ("ann", "bob", "cleo"):
        for name in ("r1", "r2", "r3"):
            client.insert(record_id=name, subject_id=subject, label="spam", text=f"win {name} of {subject}")
    client.flush()
    asked = [
        client.forget(subject="ann"),
        client.forget(record="r2", forget_within="PT1H"),
        client.forget(subject="bob", record="r1", revision=3, requested_at=datetime.now(UTC)),
    ]

    told = [pending.wait(timeout=EVER) for pending in asked]

    assert [(one.event_id, one.state, one.partition, one.offset) for one in told] == [
        (pending.event_id, "hidden", pending.partition, pending.offset) for pending in asked
    ]
    assert all(one.version is not None for one in told)
    # Those that came meanwhile are there without a look.
    assert [pending.wait("accepted", timeout=0).state for pending in asked] == ["accepted"] * 3
    found = {subject: states(settings, "--of", subject, "r1", "r2", "r3") for subject in ("ann", "bob", "cleo")}
    assert {subject: [*of.values()] for subject, of in found.items()} == {
        "ann": ["forgotten"] * 3,
        "bob": ["forgotten", "forgotten", "member"],
        "cleo": ["member", "forgotten", "member"],
    }
    until(lambda: verify_log(log, subject_of(settings)).verdict == "equal", EVER, "what is published equals a replay")


def test_a_refused_one_is_raised_with_its_reason(settings: Settings, log: Log, tmp_path: Path) -> None:
    alone = settings.model_copy(update={"subjects": False, "model": f"{settings.model}-alone"})
    create(log, alone)
    with closing(log.producer()) as producer:
        send(producer, alone, [insert("r1"), delete("r2")])
    with Client.connect(alone) as client, Process(alone, tmp_path / "worker", "work"):
        pending = client.forget(subject="ann")
        with pytest.raises(DeletionRefused, match="the model was made without subjects") as seen:
            pending.wait(timeout=EVER)

    assert isinstance(seen.value.receipt, Receipt)
    assert seen.value.receipt.offset == pending.offset


def test_without_a_worker_the_time_ends_and_nothing_is_lost(
    settings: Settings, log: Log, client: Client, tmp_path: Path
) -> None:
    client.insert(record_id="r", text="a")
    pending = client.forget(record="r")
    with pytest.raises(StillOpen, match="is a worker running"):
        pending.wait("accepted", timeout=1)
    assert run(settings, "work", "--drain", seconds=120).returncode == 0

    # The receipts stand there before anybody waits again.
    assert pending.wait(timeout=0).state == "hidden"


def test_threads_and_coroutines_share_a_client(settings: Settings, client: Client, worker: Process) -> None:
    found: list[Receipt] = []

    def forget(subject: str) -> None:
        for number in range(5):
            client.insert(record_id=f"r{number}", subject_id=subject, text="a b")
        found.append(client.forget(subject=subject).wait(timeout=EVER))

    async def forget_async(subject: str) -> Receipt:
        pending = await asyncio.to_thread(client.forget, subject=subject)
        return await pending.wait_async(timeout=EVER)

    async def all_of() -> list[Receipt]:
        return await asyncio.gather(*(forget_async(f"c{number}") for number in range(3)))

    threads = [threading.Thread(target=forget, args=(f"t{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    told = asyncio.run(all_of())
    for thread in threads:
        thread.join(EVER)

    assert [one.state for one in (*told, *found)] == ["hidden"] * 6


def test_receipts_are_read_from_a_time_and_from_a_place_on(
    settings: Settings, log: Log, client: Client, worker: Process
) -> None:
    first = client.forget(record="r1")
    first.wait(timeout=EVER)
    before = [(place, receipt) for place, receipt in client.receipts()]
    newest = max(record.timestamp for record in log.read(settings.receipts_topic, 0, 0, 99))
    later = datetime.fromtimestamp((newest + 1) / 1000, UTC)
    second = client.forget(record="r2")
    second.wait(timeout=EVER)

    assert [receipt for _, receipt in client.receipts()] == receipts(log, settings)
    assert {receipt.event_id for _, receipt in before} == {first.event_id}
    assert {receipt.event_id for _, receipt in client.receipts(before[-1][0] + 1)} == {second.event_id}
    assert [*client.receipts(later)] == [*client.receipts(before[-1][0] + 1)]


def forgotten(client: Client, record: str) -> bool:
    try:
        return bool(client.forget(record=record))
    except NotSent:
        return False


def test_what_the_broker_refuses_is_told_with_the_ids(make_settings: MakeSettings) -> None:
    settings = make_settings(partitions=1)
    with closing(KafkaLog(settings.kafka)) as log:
        log.create(TopicSpec(settings.events_topic, 1, {"max.message.bytes": "600"}))
        create(log, settings)
        with Client.connect(settings) as client:
            client.insert(record_id="large", text="a b " * 1000, event_id="e1")
            with pytest.raises(NotSent, match="event e1") as seen:
                client.flush()
            with pytest.raises(NotSent, match="event d1") as also:
                client.forget(record="r" * 256, subject="s" * 256, event_id="d1", requested_at="2024-01-01")
            until(lambda: forgotten(client, "r"), EVER, "Kafka's client is made anew")

        assert (seen.value.event_ids, also.value.event_ids) == (("e1",), ("d1",))
        assert isinstance(seen.value.__cause__, LogRefused)
        assert log.bounds(settings.events_topic) == {0: (0, 1)}


FORKS = """
import json, os, sys, time
from unlearn import Client, ClientStopped

client = Client.connect()
client.insert(record_id="parent-before", text="a")
pending = client.forget(record="r")
pid = os.fork()
name = "child" if pid == 0 else "parent"
client.insert(record_id=name, text="a")
own = client.forget(record=f"{name}-own")
states = [one.wait(timeout=120).state for one in (pending, own)]
print(json.dumps([name, states]), flush=True)
client.close()
if pid:
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
"""
UNUSED = """
import os
from kafka import KafkaProducer
from unlearn import Client

parent, close = os.getpid(), KafkaProducer.close

def watched(self, *arguments, **options):
    if os.getpid() != parent and not self._closed:
        print("the child closes what is the parent's", flush=True)
    close(self, *arguments, **options)

KafkaProducer.close = watched
client = Client.connect()
client.insert(record_id="before", text="a")
pid = os.fork()
if pid:
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    client.insert(record_id="after", text="a")
    client.close()
"""


def python(settings: Settings, script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_parent_and_child_of_a_fork_go_on(settings: Settings, log: Log, worker: Process) -> None:
    said = dict(map(json.loads, python(settings, FORKS)))

    assert said == {name: ["hidden", "hidden"] for name in ("parent", "child")}
    ids = ("parent-before", "parent", "child", "r")
    until(lambda: states(settings, *ids) == dict(zip(ids, ["member"] * 3 + ["forgotten"], strict=True)), EVER, "all")


def test_a_child_that_does_not_use_it_ends_and_harms_nothing(settings: Settings, log: Log) -> None:
    assert python(settings, UNUSED) == []
    assert sum(end for _, end in log.bounds(settings.events_topic).values()) == 2


def test_a_pending_is_shown_by_its_place(client: Client) -> None:
    pending = client.forget(record="r", event_id="d1")

    assert isinstance(pending, Pending)
    assert repr(pending) == f"<Pending d1 at {pending.partition}/{pending.offset}>"

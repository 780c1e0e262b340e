"""Worker processes that come, go, freeze and die: every partition has an owner, and every manifest is right."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.harness.processes import Process
from tests.harness.waiting import until
from tests.integration.scenario import ACTUAL, PARTITIONS, Driver, everything, scenario_settings, stood, views
from tests.integration.stream import Message, make_stream
from unlearn.admin.topics import create
from unlearn.environment.redis_client import connect
from unlearn.log.kafka.log import KafkaLog
from unlearn.log.protocol import Record
from unlearn.settings import Settings
from unlearn.simulate.replay import replay
from unlearn.state.scripts import Token
from unlearn.verification.judging import judge
from unlearn.verification.subject import subject_of
from unlearn.worker.lifecycle import states

pytestmark = [pytest.mark.timeout(1800), pytest.mark.slow]


class Crew:
    """A model with its topics, a driver, and the workers started so far."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self._folder = settings, folder
        self.log = KafkaLog(settings.kafka)
        create(self.log, settings.model_copy(update={"partitions": ACTUAL}))
        self.driver = Driver(settings, self.log)
        self.chunks: Iterator[Sequence[Message]] = iter(make_stream(11, PARTITIONS, ACTUAL).chunks)
        self._workers: list[Process] = []

    def start(self, *arguments: str, **changed: str) -> Process:
        self._workers.append(Process(self.settings, self._folder, "work", *arguments, **changed))
        return self._workers[-1]

    def send(self) -> None:
        self.driver.send(next(self.chunks)[:700])

    def catch_up(self) -> None:
        """What was sent is in manifests."""
        self.driver.wait_covered(self.driver.ends())

    def owners(self) -> dict[int, int]:
        """Partition -> its owner's pid, as Redis has it."""
        held = {p: view.meta.get("owner", ":0") for p, view in views(self.settings, ACTUAL).items()}
        return {p: int(owner.rpartition(":")[2]) for p, owner in held.items()}

    def counters_of_tokens(self) -> dict[int, int]:
        held = {p: view.meta.get("token", "0:") for p, view in views(self.settings, ACTUAL).items()}
        return {p: int(token.partition(":")[0]) for p, token in held.items()}

    def owned_by(self, *workers: Process) -> bool:
        """Whether these own all partitions, and each of them some."""
        return set(self.owners().values()) == {worker.pid for worker in workers}

    def wait_owned_by(self, *workers: Process) -> None:
        until(partial(self.owned_by, *workers), 60, "each worker owns something")

    def check(self) -> None:
        """After a drain all that ever stood on the results topic is right."""
        assert self.start("--drain").wait(60) == 0
        subject = subject_of(self.settings)
        records: dict[int, list[Record]] = {
            p: everything(self.log, self.settings.events_topic, p) for p in range(PARTITIONS)
        }
        found = {p: replay(subject.model, p, records[p]) for p in range(PARTITIONS)}
        verdicts = [
            verdict.verdict
            for _, manifest in stood(self.log, self.settings)
            for verdict in judge(subject, found[manifest.partition], manifest, manifest.applied)
        ]
        assert set(verdicts) <= {"equal", "pending"}

    def close(self) -> None:
        for worker in self._workers:
            worker.__exit__()
        self.driver.close()
        self.log.close()


@pytest.fixture
def crew(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[Crew]:
    made = Crew(scenario_settings(kafka, redis_url, tmp_path, slice_span=100, learner="linear"), tmp_path)
    yield made
    made.close()


def test_workers_share_the_partitions_and_give_them_back(crew: Crew) -> None:
    # Given a worker alone with all partitions
    first = crew.start()
    crew.wait_owned_by(first)
    crew.send()
    crew.catch_up()
    alone = crew.counters_of_tokens()
    # When another comes
    second = crew.start()
    crew.wait_owned_by(first, second)
    crew.send()
    crew.catch_up()
    # Then what it took has a newer token, and what it left has not
    shared, owners = crew.counters_of_tokens(), crew.owners()
    assert {p for p in shared if shared[p] > alone[p]} == {p for p, pid in owners.items() if pid == second.pid}
    # When a drain comes too, and leaves, it covers what all of them own
    assert crew.start("--drain").wait(60) == 0
    # When the second is told to end amid its work
    crew.send()
    assert second.stop() == 0
    assert second.said("stopped") == ["stopped"]  # nothing was left under way
    # Then the first has everything again
    crew.wait_owned_by(first)
    crew.catch_up()
    assert first.stop() == 0
    assert not first.counters()["fenced"]
    crew.check()


def test_whoever_is_fenced_claims_again(crew: Crew) -> None:
    worker = crew.start()
    crew.wait_owned_by(worker)
    crew.send()
    crew.catch_up()
    # When someone takes a partition and is heard of no more
    before = crew.counters_of_tokens()
    client = connect(crew.settings.redis.url.get_secret_value())
    state = states(client, crew.settings.model)(1)
    assert state.claim(Token(before[1] + 1, "0" * 32), None) is None
    client.close()
    # Then the worker, still assigned, finds out and takes it back
    until(lambda: worker.said("partition 1 dropped: another owner holds"), 60, "the worker is fenced")
    until(lambda: crew.counters_of_tokens()[1] == before[1] + 2, 60, "it has claimed again")
    crew.send()
    crew.catch_up()
    assert worker.stop() == 0
    assert worker.counters()["fenced"] == 1
    assert {p: n for p, n in crew.counters_of_tokens().items() if p != 1} == {p: n for p, n in before.items() if p != 1}
    crew.check()


def test_a_worker_frozen_beyond_its_session_does_no_harm(crew: Crew) -> None:
    frozen, other = crew.start(), crew.start()
    crew.wait_owned_by(frozen, other)
    crew.send()
    crew.catch_up()
    # Given one that stands still amid its work, until the group has given its partitions away
    crew.send()
    frozen.signal(signal.SIGSTOP)
    crew.wait_owned_by(other)
    crew.catch_up()
    held = frozen.said("claimed at")
    # When it wakes
    crew.send()
    frozen.signal(signal.SIGCONT)
    # Then it drops all it had, and both go on
    until(lambda: len(frozen.said("dropped: ")) >= len(held), 60, "it drops what it held")
    crew.wait_owned_by(frozen, other)
    crew.send()
    crew.catch_up()
    assert [frozen.stop(), other.stop()] == [0, 0]
    crew.check()


def test_trainers_die_with_a_killed_worker(crew: Crew) -> None:
    # Given a worker with a training process
    worker = crew.start()
    crew.wait_owned_by(worker)
    crew.send()
    until(lambda: any("spawn_main" in command for command in commands_below(worker.pid)), 60, "it trains")
    children = psutil.Process(worker.pid).children(recursive=True)
    # When it is killed
    worker.signal(signal.SIGKILL)
    assert worker.wait(10) == -signal.SIGKILL
    # Then none of them is left
    until(lambda: not [child for child in children if is_alive(child)], 60, "the trainers end")
    # And the next one does the work again
    crew.send()
    crew.check()


def commands_below(pid: int) -> list[str]:
    with suppress(psutil.NoSuchProcess):
        return [" ".join(child.cmdline()) for child in psutil.Process(pid).children(recursive=True)]
    return []


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_restart_under_the_same_name_moves_no_partition(crew: Crew) -> None:
    patient = {"UNLEARN_KAFKA__SESSION_TIMEOUT": "45"}
    names = [{"UNLEARN_KAFKA__GROUP_INSTANCE_ID": name, **patient} for name in ("first", "second")]
    first, second = (crew.start(**named) for named in names)
    crew.wait_owned_by(first, second)
    crew.send()
    crew.catch_up()
    owners, tokens = crew.owners(), crew.counters_of_tokens()
    kept = {partition for partition, pid in owners.items() if pid == first.pid}

    second.signal(signal.SIGTERM)
    assert second.wait(60) == 0, second.errors()
    again = crew.start(**names[1])
    crew.wait_owned_by(first, again)
    crew.send()
    crew.catch_up()

    assert {partition for partition, pid in crew.owners().items() if pid == first.pid} == kept
    after = crew.counters_of_tokens()
    assert {partition: after[partition] for partition in kept} == {partition: tokens[partition] for partition in kept}

    # A second worker of that name takes its place, and the one before says so and ends.
    other = crew.start(**names[1])
    until(lambda: again.popen.poll() is not None, 120, "the one before ends")
    assert "the same UNLEARN_KAFKA__GROUP_INSTANCE_ID" in again.errors()
    crew.wait_owned_by(first, other)
    for worker in (first, other):
        worker.signal(signal.SIGTERM)
        assert worker.wait(60) == 0

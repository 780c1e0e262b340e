"""A partition stands where nothing can be decoded, says so, and goes on once an operator steps over that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.harness.events import at
from tests.harness.worker_harness import WorkerHarness
from unlearn.cli.commands.operators.resolve import command as resolve
from unlearn.errors import InputInvalid
from unlearn.operator_requests.requests import resolve as wish
from unlearn.state.keys import Keys
from unlearn.state.requests import leave_requests
from unlearn.state.scripts import states
from unlearn.storage.artefacts import open_store
from unlearn.verification.from_log import verify_log
from unlearn.verification.from_store import verify_store
from unlearn.verification.subject import subject_of

ZERO, ONE = at(0), at(1)
Run = Callable[..., Result]


@pytest.fixture
def run(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `unlearn resolve`; while it waits the worker goes on."""

    @contextmanager
    def open_log(_: object) -> Iterator[Any]:
        yield harness.log

    monkeypatch.setattr("unlearn.cli.commands.operators.resolve.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: harness.settings)
    monkeypatch.setattr("unlearn.cli.requests.time.sleep", lambda _: harness.worker.turn(0))
    monkeypatch.setattr("unlearn.operator_requests.runner._LOOK_EVERY", 0.0)
    runner = CliRunner()
    return lambda *given: runner.invoke(resolve, [*given], catch_exceptions=False, standalone_mode=False)


def insert(harness: WorkerHarness, partition: int, count: int) -> None:
    for _ in range(count):
        harness.insert(f"r{harness._sent}", at(partition, prefix=f"x{harness._sent}-"))


def turn(harness: WorkerHarness, times: int = 60) -> None:
    for _ in range(times):
        harness.worker.turn(0.002)


@pytest.fixture
def stuck(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> WorkerHarness:
    """Partition 0 has 25 inserts, of which 12 to 16 can't be read, 12 is where it stands; a deletion is at 11."""
    monkeypatch.setattr("unlearn.operator_requests.runner._LOOK_EVERY", 0.0)
    insert(harness, 0, 10)
    harness.insert("kept", ZERO)
    harness.delete(subject=ZERO)
    insert(harness, 0, 13)
    insert(harness, 1, 3)
    harness.log.spoil(harness.settings.events_topic, 0, 12, 17)
    turn(harness)
    return harness


def applied(harness: WorkerHarness) -> int:
    return harness.worker.owned[0].view.applied


def judged(harness: WorkerHarness) -> str:
    return verify_log(harness.log, subject_of(harness.settings)).verdict


def rest(harness: WorkerHarness) -> None:
    """All of it applied, its slices ended and published."""
    for partition in range(2):
        harness.raw(partition, b'{"type":"seal"}')
    harness.apply()
    turn(harness)


def test_a_stuck_partition_names_its_offset_and_the_others_go_on(stuck: WorkerHarness) -> None:
    found = stuck.status().partitions

    assert "position 12" in (found[0].stopped or "")
    assert "unlearn resolve 0/12" in (found[0].stopped or "")
    assert (found[0].applied, found[1].applied, found[1].stopped) == (12, 3, None)
    # What was applied before is published and answered.
    assert [receipt.state for receipt in stuck.receipts()] == ["accepted", "hidden"]
    insert(stuck, 1, 2)
    turn(stuck)
    assert stuck.status().partitions[1].applied == 5
    assert judged(stuck) == "pending"


def test_a_partition_goes_on_behind_records_stepped_over_and_they_stay_unresolved(
    stuck: WorkerHarness, run: Run
) -> None:
    result = run("0/12", "--none")

    assert result.return_value == 0, result.output
    rest(stuck)
    found = stuck.status().partitions[0]
    assert (found.stopped, found.lag, found.deletions.unresolved) == (None, 0, 1)
    assert stuck.worker.stopped == {}
    held = stuck.worker.owned[0].view.unresolved[12]
    assert "stepped over up to 17" in held.reason
    assert 0 < held.since < held.deadline
    assert [(letter["offset"], letter["digest"]) for letter in stuck.dead_letters()] == [(12, None)]
    assert judged(stuck) == "equal"
    # It is closed like any other.
    assert run("0/12", "--none").return_value == 0
    assert stuck.worker.owned[0].view.unresolved == {}


def test_records_stepped_over_are_left_out_by_verify_where_they_can_be_read(stuck: WorkerHarness, run: Run) -> None:
    run("0/12", "--sent")
    rest(stuck)
    stuck.log.partition(stuck.settings.events_topic, 0).spoilt.clear()

    assert judged(stuck) == "equal"
    state_of = states(stuck.client, stuck.settings.model)
    store = open_store(stuck.settings.store, stuck.settings.model)
    assert verify_store(stuck.settings, stuck.log, state_of, store, stuck.learner).verdict == "equal"


def test_a_published_model_cant_be_judged_where_what_it_applied_cant_be_read(stuck: WorkerHarness, run: Run) -> None:
    run("0/12", "--none")
    rest(stuck)
    stuck.log.spoil(stuck.settings.events_topic, 0, 3, 5)

    found = verify_log(stuck.log, subject_of(stuck.settings))

    assert {shard.verdict for shard in found.shards if shard.partition == 0} == {"incomparable"}
    assert {shard.verdict for shard in found.shards if shard.partition == 1} == {"equal"}


@pytest.mark.parametrize("place", ["0/11", "0/13", "0/16", "0/17", "1/3"])
def test_only_the_offset_where_a_partition_stands_can_be_stepped_over(
    stuck: WorkerHarness, run: Run, place: str
) -> None:
    with pytest.raises(InputInvalid):
        run(place, "--none")

    partition, _, offset = place.partition("/")
    leave_requests(stuck.client, Keys(stuck.settings.model, int(partition)), dict([wish(int(offset), "none")]))
    turn(stuck)
    assert applied(stuck) == 12


def test_what_was_asked_while_nobody_was_there_is_done_by_the_next_owner(stuck: WorkerHarness) -> None:
    stuck.worker.close()
    leave_requests(stuck.client, Keys(stuck.settings.model, 0), dict([wish(12, "none")]))

    stuck.restart()
    rest(stuck)

    assert list(stuck.worker.owned[0].view.unresolved) == [12]
    assert judged(stuck) == "equal"


def test_records_stepped_over_are_not_read_again_after_a_restart(stuck: WorkerHarness, run: Run) -> None:
    run("0/12", "--none")
    stuck.restart()
    rest(stuck)

    assert stuck.worker.stopped == {}
    assert judged(stuck) == "equal"


def test_a_model_built_anew_steps_over_by_itself_what_its_manifest_names(stuck: WorkerHarness, run: Run) -> None:
    run("0/12", "--none")
    rest(stuck)
    for key in stuck.client.scan_iter(f"{{{stuck.settings.model}:*"):
        stuck.client.delete(key)

    stuck.restart(rebuild=True)
    rest(stuck)

    assert list(stuck.worker.owned[0].view.unresolved) == [12]
    assert judged(stuck) == "equal"


def test_a_place_that_can_be_read_after_all_is_read(stuck: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck.log.partition(stuck.settings.events_topic, 0).spoilt.clear()
    monkeypatch.setattr("unlearn.worker.assignment.LOOK_AGAIN", 0.0)

    rest(stuck)

    assert applied(stuck) == 26
    assert stuck.status().partitions[0].stopped is None
    assert judged(stuck) == "equal"


def test_an_owner_that_was_fenced_steps_over_nothing(stuck: WorkerHarness) -> None:
    late = stuck.worker.owned[0]
    token = late.token._replace(counter=late.token.counter + 1)
    late.state.claim(token, None)
    leave_requests(stuck.client, Keys(stuck.settings.model, 0), dict([wish(12, "none")]))

    stuck.worker.turn(0)

    assert late.view.applied == 12
    assert stuck.worker.counters["fenced"] >= 1


def test_redis_names_the_offset_where_a_partition_stands(stuck: WorkerHarness) -> None:
    state = states(stuck.client, stuck.settings.model)(0)
    assert state.unreadable() == 12
    assert "position 12" in state.stopped()

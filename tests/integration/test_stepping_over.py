"""A partition stands where nothing can be decoded, says so, and goes on once an operator steps over that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.integration.scene import Scene, at
from unlearn.cli.commands.resolve import command as resolve
from unlearn.errors import InputInvalid
from unlearn.state.keys import Keys
from unlearn.state.requests import leave_requests
from unlearn.state.scripts import states
from unlearn.storage.artefacts import open_store
from unlearn.training.pool import InlineTrainers
from unlearn.verification.from_log import subject_of, verify_log
from unlearn.verification.from_store import verify_store
from unlearn.worker.loop import Worker
from unlearn.worker.requests import resolve as wish

ZERO, ONE = at(0), at(1)
Run = Callable[..., Result]


@pytest.fixture
def run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `unlearn resolve`; while it waits the worker goes on."""

    @contextmanager
    def open_log(_: object) -> Iterator[Any]:
        yield scene.log

    monkeypatch.setattr("unlearn.cli.commands.resolve.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: scene.settings)
    monkeypatch.setattr("unlearn.cli.requests.time.sleep", lambda _: scene.worker.turn(0))
    monkeypatch.setattr("unlearn.worker.request_runner._LOOK_EVERY", 0.0)
    runner = CliRunner()
    return lambda *given: runner.invoke(resolve, [*given], catch_exceptions=False, standalone_mode=False)


def insert(scene: Scene, partition: int, count: int) -> None:
    for _ in range(count):
        scene.insert(f"r{scene._sent}", at(partition, prefix=f"x{scene._sent}-"))


def turn(scene: Scene, times: int = 60) -> None:
    for _ in range(times):
        scene.worker.turn(0.002)


@pytest.fixture
def stuck(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Partition 0 has 25 inserts, of which 12 to 16 can't be read, 12 is where it stands; a deletion is at 11."""
    monkeypatch.setattr("unlearn.worker.request_runner._LOOK_EVERY", 0.0)
    insert(scene, 0, 10)
    scene.insert("kept", ZERO)
    scene.delete(subject=ZERO)
    insert(scene, 0, 13)
    insert(scene, 1, 3)
    scene.log.spoil(scene.settings.events_topic, 0, 12, 17)
    turn(scene)
    return scene


def applied(scene: Scene) -> int:
    return scene.worker.owned[0].view.applied


def judged(scene: Scene) -> str:
    return verify_log(scene.log, subject_of(scene.settings)).verdict


def rest(scene: Scene) -> None:
    """All of it applied, its slices ended and published."""
    for partition in range(2):
        scene.raw(partition, b'{"type":"seal"}')
    scene.apply()
    turn(scene)


def receipts(scene: Scene) -> list[dict[str, Any]]:
    return [json.loads(r.value or b"") for r in scene.log.read(scene.settings.receipts_topic, 0, 0, 1 << 40)]


def letters(scene: Scene) -> list[dict[str, Any]]:
    return [json.loads(r.value or b"") for r in scene.log.read(scene.settings.dead_letters_topic, 0, 0, 1 << 40)]


def start_anew(scene: Scene, *, rebuild: bool = False) -> None:
    scene.worker.close()
    store = open_store(scene.settings.store.url, scene.settings.model)
    trainers = InlineTrainers(scene.learner, store)
    scene.worker = Worker(scene.settings, scene.log, scene.client, store, scene.learner, trainers, rebuild=rebuild)


def test_it_names_the_place_and_all_else_goes_on(stuck: Scene) -> None:
    found = stuck.status().partitions

    assert "position 12" in (found[0].stopped or "")
    assert "unlearn resolve 0/12" in (found[0].stopped or "")
    assert (found[0].applied, found[1].applied, found[1].stopped) == (12, 3, None)
    # What was applied before is published and answered.
    assert [receipt["state"] for receipt in receipts(stuck)] == ["accepted", "hidden"]
    insert(stuck, 1, 2)
    turn(stuck)
    assert stuck.status().partitions[1].applied == 5
    assert judged(stuck) == "pending"


def test_stepped_over_it_goes_on_and_what_lay_there_stays_unresolved(stuck: Scene, run: Run) -> None:
    result = run("0/12", "--none")

    assert result.return_value == 0, result.output
    rest(stuck)
    found = stuck.status().partitions[0]
    assert (found.stopped, found.lag, found.deletions.unresolved) == (None, 0, 1)
    assert stuck.worker.stopped == {}
    held = stuck.worker.owned[0].view.unresolved[12]
    assert "stepped over up to 17" in held.reason
    assert 0 < held.since < held.deadline
    assert [(letter["offset"], letter["digest"]) for letter in letters(stuck)] == [(12, None)]
    assert judged(stuck) == "equal"
    # It is closed like any other.
    assert run("0/12", "--none").return_value == 0
    assert stuck.worker.owned[0].view.unresolved == {}


def test_it_is_judged_the_same_where_the_records_can_be_read(stuck: Scene, run: Run) -> None:
    run("0/12", "--sent")
    rest(stuck)
    stuck.log.partition(stuck.settings.events_topic, 0).spoilt.clear()

    assert judged(stuck) == "equal"
    state_of = states(stuck.client, stuck.settings.model)
    store = open_store(stuck.settings.store.url, stuck.settings.model)
    assert verify_store(stuck.settings, stuck.log, state_of, store, stuck.learner).verdict == "equal"


def test_a_published_model_cant_be_judged_where_what_it_applied_cant_be_read(stuck: Scene, run: Run) -> None:
    run("0/12", "--none")
    rest(stuck)
    stuck.log.spoil(stuck.settings.events_topic, 0, 3, 5)

    found = verify_log(stuck.log, subject_of(stuck.settings))

    assert {shard.verdict for shard in found.shards if shard.partition == 0} == {"incomparable"}
    assert {shard.verdict for shard in found.shards if shard.partition == 1} == {"equal"}


@pytest.mark.parametrize("place", ["0/11", "0/13", "0/16", "0/17", "1/3"])
def test_only_the_place_where_it_stands_can_be_stepped_over(stuck: Scene, run: Run, place: str) -> None:
    with pytest.raises(InputInvalid):
        run(place, "--none")

    partition, _, offset = place.partition("/")
    leave_requests(stuck.client, Keys(stuck.settings.model, int(partition)), dict([wish(int(offset), "none")]))
    turn(stuck)
    assert applied(stuck) == 12


def test_what_was_asked_while_nobody_was_there_is_done_by_the_next_owner(stuck: Scene) -> None:
    stuck.worker.close()
    leave_requests(stuck.client, Keys(stuck.settings.model, 0), dict([wish(12, "none")]))

    start_anew(stuck)
    rest(stuck)

    assert list(stuck.worker.owned[0].view.unresolved) == [12]
    assert judged(stuck) == "equal"


def test_after_a_restart_nothing_of_it_is_read_again(stuck: Scene, run: Run) -> None:
    run("0/12", "--none")
    start_anew(stuck)
    rest(stuck)

    assert stuck.worker.stopped == {}
    assert judged(stuck) == "equal"


def test_a_model_built_anew_steps_over_by_itself_what_its_manifest_names(stuck: Scene, run: Run) -> None:
    run("0/12", "--none")
    rest(stuck)
    for key in stuck.client.scan_iter(f"{{{stuck.settings.model}:*"):
        stuck.client.delete(key)

    start_anew(stuck, rebuild=True)
    rest(stuck)

    assert list(stuck.worker.owned[0].view.unresolved) == [12]
    assert judged(stuck) == "equal"


def test_a_place_that_can_be_read_after_all_is_read(stuck: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck.log.partition(stuck.settings.events_topic, 0).spoilt.clear()
    monkeypatch.setattr("unlearn.worker.assignment.LOOK_AGAIN", 0.0)

    rest(stuck)

    assert applied(stuck) == 26
    assert stuck.status().partitions[0].stopped is None
    assert judged(stuck) == "equal"


def test_an_owner_that_was_fenced_steps_over_nothing(stuck: Scene) -> None:
    late = stuck.worker.owned[0]
    token = late.token._replace(counter=late.token.counter + 1)
    late.state.claim(token, None)
    leave_requests(stuck.client, Keys(stuck.settings.model, 0), dict([wish(12, "none")]))

    stuck.worker.turn(0)

    assert late.view.applied == 12
    assert stuck.worker.counters["fenced"] >= 1


def test_others_are_told_where_it_stands(stuck: Scene) -> None:
    state = states(stuck.client, stuck.settings.model)(0)
    assert state.unreadable() == 12
    assert "position 12" in state.stopped()

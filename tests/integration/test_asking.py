"""`unlearn retry` and `unlearn resolve`: the owner does what they ask, and its mirror stays Redis' own."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click import UsageError
from click.testing import CliRunner, Result

from tests.integration.scene import Scene, at
from unlearn.cli.commands.resolve import command as resolve
from unlearn.cli.commands.retry import command as retry
from unlearn.errors import InputInvalid
from unlearn.partition.jobs import Job
from unlearn.partition.tables import Tables
from unlearn.state.keys import Keys
from unlearn.state.scripts import PartitionState
from unlearn.verification.from_log import subject_of, verify_log

ZERO, ONE = at(0), at(1)
JUNK = b'{"type":"delete" junk'
Run = Callable[..., Result]


@pytest.fixture
def run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; while it waits the worker goes on."""

    @contextmanager
    def open_log(_: object) -> Iterator[Any]:
        yield scene.log

    def work(_: float) -> None:
        scene.worker.turn(0)

    monkeypatch.setattr("unlearn.cli.commands.resolve.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: scene.settings)
    monkeypatch.setattr("unlearn.cli.requests.time.sleep", work)
    monkeypatch.setattr("unlearn.worker.request_runner._LOOK_EVERY", 0.0)
    runner = CliRunner()
    return lambda command, *given: runner.invoke(command, [*given], catch_exceptions=False, standalone_mode=False)


def stored(scene: Scene, partition: int) -> Tables:
    return Tables(PartitionState(scene.client, Keys(scene.settings.model, partition)).load())


def counted(scene: Scene) -> Counter[str]:
    return sum((held.counters for held in scene.worker.owned.values()), scene.worker.counters)


def letters(scene: Scene) -> list[tuple[str, str]]:
    read = scene.log.read(scene.settings.dead_letters_topic, 0, 0, 1 << 60)
    found = [json.loads(record.value or b"") for record in read]
    return [(f"{letter['partition']}/{letter['offset']}", letter["reason"]) for letter in found]


def same_as_stored(scene: Scene) -> bool:
    """Nobody was fenced or rolled back, and the owners' mirrors are what Redis holds."""
    counts = counted(scene)
    mirrors = {p: held.view for p, held in scene.worker.owned.items()}
    return (counts["claims"], counts["fenced"], counts["rolled_back"]) == (2, 0, 0) and all(
        mirror._tables == stored(scene, partition)._tables for partition, mirror in mirrors.items()
    )


# -- retry


def give_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Training breaks until the shards with rows are in quarantine; then it would go well. They are named."""

    def broken(job: Job, *_: Any, **__: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("unlearn.training.pool.run", broken)
        patch.setattr("unlearn.training.outcomes._RETRY", 0.0)
        for who in (ZERO, ONE):
            for n in range(10):
                scene.insert(f"r{n}", who)
        scene.apply()
        for _ in range(20):
            scene.worker.turn(0)
    scene.apply()
    return [(held.partition, shard) for held in scene.status().partitions for shard in held.quarantined]


def test_all_shards_in_quarantine_are_tried_again(scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = give_up(scene, monkeypatch)
    assert {partition for partition, _ in given_up} == {0, 1}
    jobs = counted(scene)["jobs"]
    scene.apply()
    assert counted(scene)["jobs"] == jobs

    found = run(retry)

    assert (found.return_value, found.stderr) == (0, "")
    assert [held.quarantined for held in scene.status().partitions] == [(), ()]
    assert same_as_stored(scene)
    scene.apply()
    assert counted(scene)["jobs"] == jobs + len(given_up)
    assert verify_log(scene.log, subject_of(scene.settings)).verdict == "equal"


def test_one_is_tried_again_where_it_is_named(scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (partition, shard), other = give_up(scene, monkeypatch)

    found = run(retry, "--partition", str(partition), "--shard", str(shard))

    assert found.return_value == 0
    left = [(held.partition, s) for held in scene.status().partitions for s in held.quarantined]
    assert left == [other]
    assert counted(scene)["retried"] == 1


def test_one_that_fails_again_is_given_up_after_three_more(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = give_up(scene, monkeypatch)
    failed = counted(scene)["jobs_failed"]
    monkeypatch.setattr("unlearn.training.pool.run", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("unlearn.training.outcomes._RETRY", 0.0)

    assert run(retry).return_value == 0
    for _ in range(20):
        scene.worker.turn(0)

    assert [(held.partition, shard) for held in scene.status().partitions for shard in held.quarantined] == given_up
    assert counted(scene)["jobs_failed"] == failed + 3 * len(given_up)


def test_where_none_is_in_quarantine_there_is_nothing_to_do(scene: Scene, run: Run) -> None:
    scene.apply()
    assert run(retry).return_value == 0
    assert run(retry, "--partition", "0", "--shard", "1").return_value == 1
    assert scene.client.exists(Keys(scene.settings.model, 0).of("asked")) == 0


# -- resolve


def test_a_partition_that_the_model_lacks_is_refused(scene: Scene, run: Run) -> None:
    with pytest.raises(InputInvalid, match="no partition 7: the model has 2"):
        run(retry, "--partition", "7")
    assert run(retry, "--partition", "1").exit_code == 0


def test_contrary_words_are_refused(scene: Scene, run: Run) -> None:
    offset = scene.raw(1, JUNK)
    scene.apply()

    with pytest.raises(UsageError):
        run(resolve, f"1/{offset}", "--none", "--sent")

    assert list(stored(scene, 1).unresolved) == [offset]


def test_what_could_not_be_read_is_listed(scene: Scene, run: Run) -> None:
    offset = scene.raw(1, JUNK)
    scene.apply()

    (row,) = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]

    assert row["place"] == f"1/{offset}"
    assert row["since"] < row["deadline"]
    assert row["reason"]
    assert f"1/{offset}" in run(resolve).stdout


@pytest.mark.parametrize(("verdict", "says"), [("--sent", "a readable deletion was sent"), ("--none", "no deletion")])
def test_closing_one_is_told_and_counted(scene: Scene, run: Run, verdict: str, says: str) -> None:
    first, second = scene.raw(1, JUNK), scene.raw(0, JUNK)
    scene.apply()
    told = len(letters(scene))

    found = run(resolve, f"1/{first}", verdict)

    assert (found.return_value, found.stderr) == (0, "")
    scene.apply()
    shown = scene.status()
    assert (shown.unresolved, shown.resolved) == (1, 1)
    ((place, reason),) = letters(scene)[told:]
    assert place == f"1/{first}"
    assert says in reason
    assert f"0/{second}" in run(resolve).stdout
    assert f"1/{first}" not in run(resolve).stdout
    assert same_as_stored(scene)
    assert scene.client.exists(Keys(scene.settings.model, 1).of("asked")) == 0


def test_it_stays_closed_under_the_next_owner(scene: Scene, run: Run) -> None:
    offset = scene.raw(1, JUNK)
    scene.apply()
    run(resolve, f"1/{offset}", "--none")
    scene.worker.close()
    scene.worker = scene.make_worker()
    scene.apply()

    assert scene.status().unresolved == 0
    assert run(resolve).stdout.strip() == "nothing is unresolved"


def test_without_an_owner_the_wish_stands_until_there_is_one(scene: Scene, run: Run) -> None:
    offset = scene.raw(1, JUNK)
    scene.apply()
    scene.worker.close()

    found = run(resolve, f"1/{offset}", "--none", "--wait", "0")

    assert found.return_value == 75
    assert "its owner does it once there is one" in found.stderr
    assert scene.status().unresolved == 1
    scene.worker = scene.make_worker()
    scene.apply()
    scene.worker.turn(0)
    assert scene.status().unresolved == 0


@pytest.mark.parametrize("place", ["1/99", "1", "x/y", "1/-1"])
def test_a_place_where_nothing_is_open_is_refused(scene: Scene, run: Run, place: str) -> None:
    scene.raw(1, JUNK)
    scene.apply()

    with pytest.raises(InputInvalid):
        run(resolve, place, "--none")
    assert scene.status().unresolved == 1


def test_a_verdict_needs_places_and_places_a_verdict(run: Run) -> None:
    for given in (["--none"], ["1/0"]):
        with pytest.raises(UsageError):
            run(resolve, *given)


# -- many at once

NOT_JSON = "not JSON in UTF-8, or nested too deeply"
NO_DATE = "requested_at: is missing"
UNDATED = b'{"type":"delete","event_id":"d","subject_id":"s"}'


def flood(scene: Scene, partition: int, count: int, *values: bytes) -> list[int]:
    """One after the other, of each kind in turn."""
    offsets = [scene.raw(partition, values[n % len(values)]) for n in range(count)]
    scene.apply()
    return offsets


def still_open(scene: Scene, partition: int) -> list[int]:
    view = stored(scene, partition)
    return [offset for offset in range(view.applied) if view.is_open(offset)]


def test_all_of_a_reason_are_closed_in_every_partition_and_no_others(scene: Scene, run: Run) -> None:
    flood(scene, 0, 6, JUNK, UNDATED)
    flood(scene, 1, 4, JUNK, UNDATED)

    found = run(resolve, "--reason", NOT_JSON, "--none")

    assert (found.return_value, found.stderr) == (0, "")
    left = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]
    assert {row["reason"] for row in left} == {NO_DATE}
    assert len(left) == 5
    assert scene.status().resolved == 5
    assert same_as_stored(scene)


def test_a_part_of_a_reason_that_no_other_has_names_it(scene: Scene, run: Run) -> None:
    flood(scene, 0, 4, JUNK, UNDATED)

    assert run(resolve, "--reason", "not JSON", "--none").return_value == 0
    assert [held.reason for held in stored(scene, 0).still_open()] == [NO_DATE] * 2


@pytest.mark.parametrize("text", ["no such reason", "i"])
def test_a_reason_that_is_none_or_several_closes_nothing(scene: Scene, run: Run, text: str) -> None:
    flood(scene, 0, 4, JUNK, UNDATED)

    with pytest.raises(InputInvalid, match=NOT_JSON):
        run(resolve, "--reason", text, "--none")
    assert scene.status().unresolved == 4


@pytest.mark.parametrize("form", ["0/{}..0/{}", "0/{}..{}"])
def test_a_range_is_closed_both_ends_within(scene: Scene, run: Run, form: str) -> None:
    offsets = flood(scene, 0, 10, JUNK)

    found = run(resolve, form.format(offsets[2], offsets[6]), "--sent")

    assert (found.return_value, found.stderr) == (0, "")
    assert still_open(scene, 0) == [*offsets[:2], *offsets[7:]]


def test_a_range_and_a_reason_together_mean_both(scene: Scene, run: Run) -> None:
    offsets = flood(scene, 0, 10, JUNK, UNDATED)

    run(resolve, f"0/{offsets[0]}..{offsets[5]}", "--reason", NO_DATE, "--none")

    assert still_open(scene, 0) == [offsets[0], offsets[2], offsets[4], *offsets[6:]]


def test_ranges_and_places_may_be_mixed(scene: Scene, run: Run) -> None:
    zero, one = flood(scene, 0, 6, JUNK), flood(scene, 1, 3, JUNK)

    run(resolve, f"0/{zero[0]}..{zero[1]}", f"0/{zero[3]}", f"1/{one[0]}..1/{one[2]}", "--none")

    assert (still_open(scene, 0), still_open(scene, 1)) == ([zero[2], *zero[4:]], [])


@pytest.mark.parametrize("given", ["0/5..1/7", "0/7..0/5", "0/5..", "0/..5", "..", "0/5..x", "0/90..0/95", "0/5...7"])
def test_a_range_that_is_none_or_holds_nothing_is_refused(scene: Scene, run: Run, given: str) -> None:
    flood(scene, 0, 3, JUNK)

    with pytest.raises(InputInvalid):
        run(resolve, given, "--none")
    assert scene.status().unresolved == 3


def test_a_range_is_one_request_and_goes_on_under_the_next_owner(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unlearn.worker.request_plan.AT_ONCE", 2)
    offsets = flood(scene, 0, 9, JUNK)
    keys = Keys(scene.settings.model, 0)
    scene.worker.close()
    found = run(resolve, f"0/{offsets[0]}..{offsets[7]}", "--none", "--wait", "0")
    assert found.return_value == 75
    assert scene.client.hlen(keys.of("asked")) == 1

    scene.worker = scene.make_worker()
    scene.turn_until(lambda: len(still_open(scene, 0)) < 9)
    assert len(still_open(scene, 0)) == 7
    assert scene.client.hlen(keys.of("asked")) == 1
    scene.worker.close()
    scene.worker = scene.make_worker()
    scene.turn_until(lambda: not scene.client.hlen(keys.of("asked")))

    assert still_open(scene, 0) == [offsets[8]]
    assert scene.status().resolved == 8


def test_what_comes_after_the_word_stays_open(scene: Scene, run: Run) -> None:
    offsets = flood(scene, 0, 3, JUNK)
    scene.worker.close()
    run(resolve, "--reason", NOT_JSON, "--none", "--wait", "0")
    scene.worker = scene.make_worker()
    later = flood(scene, 0, 2, JUNK)
    scene.turn_until(lambda: not scene.client.hlen(Keys(scene.settings.model, 0).of("asked")))

    assert still_open(scene, 0) == later
    assert offsets[-1] < later[0]


def test_a_flood_is_kept_as_few_entries_and_each_of_it_stays_open(scene: Scene, run: Run) -> None:
    values = [b'{"type":"seal"}' if n % 5 == 0 else JUNK if n % 2 else UNDATED for n in range(8000)]
    for value in values:
        scene.raw(1, value)
    due = [offset for offset, value in enumerate(values) if value != b'{"type":"seal"}']
    scene.apply()

    view = stored(scene, 1)
    assert len(view.unresolved) + len(view.open_ranges) < 2100
    assert sum(len(held.runs) for held in view.open_ranges.values()) < 8 * len(due)
    assert [offset for offset in range(8000) if view.is_open(offset)] == due
    shown = scene.status(clock=lambda: time.time() + 50).partitions[1].deletions
    assert shown.unresolved == len(due)
    assert shown.oldest_unresolved is not None
    assert shown.oldest_unresolved >= 50
    assert len(letters(scene)) == len(due)
    assert same_as_stored(scene)

    rows = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]
    assert sum(row["count"] for row in rows) == len(due)
    assert len(rows) < 2100

    scene.worker.close()
    scene.worker = scene.make_worker()
    scene.apply()
    assert run(resolve, f"1/{due[0]}..1/{due[7]}", "--none").return_value == 0
    assert still_open(scene, 1) == due[8:]
    for reason in (NOT_JSON, NO_DATE):
        assert run(resolve, "--reason", reason, "--none", "--wait", "60").return_value == 0
    assert scene.status().unresolved == 0
    assert scene.status().resolved == len(due)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_reason_is_never_lost_for_want_of_room(
    scene: Scene, run: Run, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    (offset,) = flood(scene, 1, 1, JUNK)

    shown = run(resolve).stdout

    assert all(len(line) <= width for line in shown.splitlines())
    said = " ".join(shown.split())
    assert NOT_JSON in said
    assert f"1/{offset}" in said


# -- the owner's side


def test_whatever_stands_there_is_cleared_and_harms_nobody(scene: Scene, run: Run) -> None:
    scene.apply()
    key = Keys(scene.settings.model, 0).of("asked")
    scene.client.hset(key, mapping={b"\xff\xfe": b"\xff", "retry:7": "", "resolve:1": "sent", "": ""})
    scene.worker.turn(0)

    assert scene.client.exists(key) == 0
    assert same_as_stored(scene)


def test_an_owner_that_lost_the_partition_fulfils_nothing(scene: Scene, run: Run) -> None:
    offset = scene.raw(1, JUNK)
    scene.apply()
    key = Keys(scene.settings.model, 1)
    scene.client.hset(key.of("asked"), f"resolve:{offset}", "none")
    scene.client.hset(key.meta, "token", "99:" + "f" * 32)
    scene.worker._guarded(scene.worker.owned[1], scene.worker._requests.turn)

    assert counted(scene)["fenced"] == 1
    assert list(stored(scene, 1).unresolved) == [offset]
    assert scene.client.hlen(key.of("asked")) == 1


@pytest.mark.parametrize("asked", ["resolved", "still asked"])
def test_a_word_that_redis_forgot_is_said_again(scene: Scene, run: Run, asked: str) -> None:
    """Rolled back to before the owner obeyed: what was resolved is open again, what still stands is obeyed."""
    offset = scene.raw(1, JUNK)
    scene.apply()
    keys = Keys(scene.settings.model, 1)
    if asked == "still asked":
        scene.client.hset(keys.of("asked"), f"resolve:{offset}", "none")
    past: dict[Any, Any] = {
        key: scene.client.dump(key) for key in scene.client.scan_iter(match="*" + keys.prefix[1:-2] + "*")
    }
    assert run(resolve, f"1/{offset}", "--none").return_value == 0
    assert scene.status().unresolved == 0
    for key in scene.client.scan_iter(match="*" + keys.prefix[1:-2] + "*"):
        scene.client.delete(key)
    for key, data in past.items():
        scene.client.restore(key, 0, data)

    assert scene.status().unresolved == 1
    for _ in range(5):
        scene.worker.turn(0)
    assert scene.worker.counters["rolled_back"] == 1
    scene.apply()
    scene.worker.turn(0)
    assert scene.status().unresolved == (0 if asked == "still asked" else 1)
    if asked == "resolved":
        assert run(resolve, f"1/{offset}", "--none").return_value == 0
        assert scene.status().unresolved == 0

"""`unlearn retry`, `resolve`, `quiet` and `resume`: the owner does what they ask, and its mirror stays Redis' own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click import UsageError
from click.testing import CliRunner, Result

from tests.harness.events import at
from tests.harness.model_data import remember, roll_back, views
from tests.harness.worker_harness import WorkerHarness
from unlearn.admin.workers import claims_of, requests_to
from unlearn.cli.commands.operators.pending import command as pending
from unlearn.cli.commands.operators.quiet import command as quiet
from unlearn.cli.commands.operators.resolve import command as resolve
from unlearn.cli.commands.operators.resume import command as resume
from unlearn.cli.commands.operators.retry import command as retry
from unlearn.errors import InputInvalid
from unlearn.operator_requests.requests import resolve as wish
from unlearn.partition.jobs import Job
from unlearn.partition.tables import Tables
from unlearn.state.keys import SIZES, Keys
from unlearn.state.requests import leave_requests
from unlearn.verification.from_log import verify_log
from unlearn.verification.subject import subject_of

ZERO, ONE = at(0), at(1)
JUNK = b'{"type":"delete" junk'
Run = Callable[..., Result]


@pytest.fixture
def run(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command; while it waits the worker goes on."""

    @contextmanager
    def open_log(_: object) -> Iterator[Any]:
        yield harness.log

    def work(_: float) -> None:
        harness.worker.turn(0)

    monkeypatch.setattr("unlearn.cli.commands.operators.resolve.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.commands.operators.pending.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.connect.open_log", open_log)
    monkeypatch.setattr("unlearn.cli.context.settings", lambda *_, **__: harness.settings)
    monkeypatch.setattr("unlearn.cli.requests.time.sleep", work)
    monkeypatch.setattr("unlearn.operator_requests.runner._LOOK_EVERY", 0.0)
    runner = CliRunner()
    return lambda command, *given: runner.invoke(command, [*given], catch_exceptions=False, standalone_mode=False)


def stored(harness: WorkerHarness, partition: int) -> Tables:
    return views(harness.client, harness.settings)[partition]


def letters(harness: WorkerHarness) -> list[tuple[str, str]]:
    return [(f"{letter['partition']}/{letter['offset']}", letter["reason"]) for letter in harness.dead_letters()]


def same_as_stored(harness: WorkerHarness) -> bool:
    """Nobody was fenced or rolled back, and the owners' mirrors are what Redis holds."""
    counts = harness.counts
    mirrors = {p: held.view for p, held in harness.worker.owned.items()}
    return (counts["claims"], counts["fenced"], counts["rolled_back"]) == (2, 0, 0) and all(
        held_by(mirror) == held_by(stored(harness, partition)) for partition, mirror in mirrors.items()
    )


def held_by(view: Tables) -> dict[str, dict[Any, Any]]:
    """The tables, less the sizes that scripts alone keep."""
    return {**view._tables, "meta": {name: held for name, held in view.meta.items() if name not in SIZES}}


# -- quiet


def test_a_quiet_worker_finishes_what_is_applied_and_takes_nothing_more(harness: WorkerHarness, run: Run) -> None:
    harness.insert("r1", ZERO)
    harness.insert("r2", ONE)
    harness.seal()
    harness.rest()
    harness.delete(subject=ZERO, event_id="before")
    harness.turn()
    (name,) = {view.meta["owner"] for view in views(harness.client, harness.settings).values()}

    assert run(quiet, name).return_value == 0
    harness.insert("r3", ZERO)
    harness.delete(subject=ONE, event_id="meanwhile")
    applied = [stored(harness, p).applied for p in (0, 1)]
    harness.turn(200)

    assert [stored(harness, p).applied for p in (0, 1)] == applied
    assert "before" in harness.event_ids("hidden")
    assert "meanwhile" not in harness.event_ids("hidden")
    found = harness.status()
    assert [one.quiet for one in found.partitions] == [True, True]
    assert found.verdict(harness.settings.lease) == "behind", "it is heard, and events wait all the same"
    assert harness.worker.reading == {}, "what isn't read on purpose doesn't stand still"

    assert run(resume).return_value == 0
    harness.rest()
    assert "meanwhile" in harness.event_ids("hidden")
    assert [one.quiet for one in harness.status().partitions] == [False, False]
    assert same_as_stored(harness)


def test_partitions_that_are_assigned_while_their_worker_is_quiet_are_not_read(
    harness: WorkerHarness, run: Run
) -> None:
    harness.insert("r1", ZERO)
    harness.rest()
    run(quiet)

    other = harness.log.reader(harness.settings.events_topic, harness.settings.group_id)
    harness.turn(20)
    other.close()
    harness.insert("r2", ZERO)
    harness.turn(50)

    assert sorted(harness.worker.owned) == [0, 1], "nobody else would vouch for them"
    assert stored(harness, 0).applied == 1
    run(resume)
    harness.rest()
    assert stored(harness, 0).applied == 2


def test_a_request_to_a_worker_that_has_gone_means_no_other(harness: WorkerHarness, run: Run) -> None:
    harness.rest()
    before = claims_of(views(harness.client, harness.settings))
    harness.restart()
    for partition, fields in requests_to(before, before, be_quiet=True).items():
        leave_requests(harness.client, Keys(harness.settings.model, partition), fields)

    harness.rest()

    assert not harness.worker.quiet
    assert not harness.client.exists(Keys(harness.settings.model, 0).of("asked")), "it is done with"
    assert run(quiet, "nobody:1").return_value == 1


# -- retry


def give_up(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Training breaks until the shards with rows are in quarantine; then it would go well. They are named."""

    def broken(job: Job, *_: Any, **__: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("unlearn.training.pool.run", broken)
        patch.setattr("unlearn.training.outcomes._RETRY", 0.0)
        for who in (ZERO, ONE):
            for n in range(10):
                harness.insert(f"r{n}", who)
        harness.apply()
        for _ in range(20):
            harness.worker.turn(0)
    harness.apply()
    return [(held.partition, shard) for held in harness.status().partitions for shard in held.quarantined]


def test_all_shards_in_quarantine_are_tried_again(
    harness: WorkerHarness, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = give_up(harness, monkeypatch)
    assert {partition for partition, _ in given_up} == {0, 1}
    jobs = harness.counts["jobs"]
    harness.apply()
    assert harness.counts["jobs"] == jobs

    found = run(retry)

    assert (found.return_value, found.stderr) == (0, "")
    assert [held.quarantined for held in harness.status().partitions] == [(), ()]
    assert same_as_stored(harness)
    harness.apply()
    assert harness.counts["jobs"] == jobs + len(given_up)
    assert verify_log(harness.log, subject_of(harness.settings)).verdict == "equal"


def test_retry_of_a_named_shard_leaves_the_others_in_quarantine(
    harness: WorkerHarness, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (partition, shard), other = give_up(harness, monkeypatch)

    found = run(retry, "--partition", str(partition), "--shard", str(shard))

    assert found.return_value == 0
    left = [(held.partition, s) for held in harness.status().partitions for s in held.quarantined]
    assert left == [other]
    assert harness.counts["retried"] == 1


def test_a_retried_shard_is_given_up_after_three_more_failures(
    harness: WorkerHarness, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = give_up(harness, monkeypatch)
    failed = harness.counts["jobs_failed"]
    monkeypatch.setattr("unlearn.training.pool.run", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("unlearn.training.outcomes._RETRY", 0.0)

    assert run(retry).return_value == 0
    for _ in range(20):
        harness.worker.turn(0)

    assert [(held.partition, shard) for held in harness.status().partitions for shard in held.quarantined] == given_up
    assert harness.counts["jobs_failed"] == failed + 3 * len(given_up)


def test_retry_without_a_shard_in_quarantine_does_nothing(harness: WorkerHarness, run: Run) -> None:
    harness.apply()
    assert run(retry).return_value == 0
    assert run(retry, "--partition", "0", "--shard", "1").return_value == 1
    assert harness.client.exists(Keys(harness.settings.model, 0).of("asked")) == 0


# -- resolve


def test_a_partition_that_the_model_lacks_is_refused(harness: WorkerHarness, run: Run) -> None:
    with pytest.raises(InputInvalid, match="no partition 7: the model has 2"):
        run(retry, "--partition", "7")
    assert run(retry, "--partition", "1").exit_code == 0


def test_contrary_words_are_refused(harness: WorkerHarness, run: Run) -> None:
    offset = harness.raw(1, JUNK)
    harness.apply()

    with pytest.raises(UsageError):
        run(resolve, f"1/{offset}", "--none", "--sent")

    assert list(stored(harness, 1).unresolved) == [offset]


def test_resolve_lists_possible_deletions_that_cannot_be_read(harness: WorkerHarness, run: Run) -> None:
    offset = harness.raw(1, JUNK)
    harness.apply()

    (row,) = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]

    assert row["place"] == f"1/{offset}"
    assert row["since"] < row["deadline"]
    assert row["reason"]
    assert f"1/{offset}" in run(resolve).stdout


@pytest.mark.parametrize(("verdict", "says"), [("--sent", "a readable deletion was sent"), ("--none", "no deletion")])
def test_closing_one_is_told_and_counted(harness: WorkerHarness, run: Run, verdict: str, says: str) -> None:
    first, second = harness.raw(1, JUNK), harness.raw(0, JUNK)
    harness.apply()
    told = len(letters(harness))

    found = run(resolve, f"1/{first}", verdict)

    assert (found.return_value, found.stderr) == (0, "")
    harness.apply()
    shown = harness.status()
    assert (shown.unresolved, shown.resolved) == (1, 1)
    ((place, reason),) = letters(harness)[told:]
    assert place == f"1/{first}"
    assert says in reason
    assert f"0/{second}" in run(resolve).stdout
    assert f"1/{first}" not in run(resolve).stdout
    assert same_as_stored(harness)
    assert harness.client.exists(Keys(harness.settings.model, 1).of("asked")) == 0


def test_a_resolved_deletion_stays_closed_under_the_next_owner(harness: WorkerHarness, run: Run) -> None:
    offset = harness.raw(1, JUNK)
    harness.apply()
    run(resolve, f"1/{offset}", "--none")
    harness.worker.close()
    harness.worker = harness.make_worker()
    harness.apply()

    assert harness.status().unresolved == 0
    assert run(resolve).stdout.strip() == "nothing is unresolved"


def test_without_an_owner_the_wish_stands_until_there_is_one(harness: WorkerHarness, run: Run) -> None:
    offset = harness.raw(1, JUNK)
    harness.apply()
    harness.worker.close()

    found = run(resolve, f"1/{offset}", "--none", "--wait", "0")

    assert found.return_value == 75
    assert "its owner does it once there is one" in found.stderr
    assert harness.status().unresolved == 1
    harness.worker = harness.make_worker()
    harness.apply()
    harness.worker.turn(0)
    assert harness.status().unresolved == 0


@pytest.mark.parametrize("place", ["1/99", "1", "x/y", "1/-1"])
def test_a_place_where_nothing_is_open_is_refused(harness: WorkerHarness, run: Run, place: str) -> None:
    harness.raw(1, JUNK)
    harness.apply()

    with pytest.raises(InputInvalid):
        run(resolve, place, "--none")
    assert harness.status().unresolved == 1


def test_a_verdict_needs_places_and_places_a_verdict(run: Run) -> None:
    for given in (["--none"], ["1/0"]):
        with pytest.raises(UsageError):
            run(resolve, *given)


# -- many at once

NOT_JSON = "not JSON in UTF-8, or nested too deeply"
NO_DATE = "requested_at: is missing"
UNDATED = b'{"type":"delete","event_id":"d","subject_id":"s"}'


def flood(harness: WorkerHarness, partition: int, count: int, *values: bytes) -> list[int]:
    """One after the other, of each kind in turn."""
    offsets = [harness.raw(partition, values[n % len(values)]) for n in range(count)]
    harness.apply()
    return offsets


def still_open(harness: WorkerHarness, partition: int) -> list[int]:
    view = stored(harness, partition)
    return [offset for offset in range(view.applied) if view.is_open(offset)]


def test_all_of_a_reason_are_closed_in_every_partition_and_no_others(harness: WorkerHarness, run: Run) -> None:
    flood(harness, 0, 6, JUNK, UNDATED)
    flood(harness, 1, 4, JUNK, UNDATED)

    found = run(resolve, "--reason", NOT_JSON, "--none")

    assert (found.return_value, found.stderr) == (0, "")
    left = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]
    assert {row["reason"] for row in left} == {NO_DATE}
    assert len(left) == 5
    assert harness.status().resolved == 5
    assert same_as_stored(harness)


def test_a_part_of_a_reason_that_no_other_has_names_it(harness: WorkerHarness, run: Run) -> None:
    flood(harness, 0, 4, JUNK, UNDATED)

    assert run(resolve, "--reason", "not JSON", "--none").return_value == 0
    assert [held.reason for held in stored(harness, 0).still_open()] == [NO_DATE] * 2


@pytest.mark.parametrize("text", ["no such reason", "i"])
def test_a_reason_that_is_none_or_several_closes_nothing(harness: WorkerHarness, run: Run, text: str) -> None:
    flood(harness, 0, 4, JUNK, UNDATED)

    with pytest.raises(InputInvalid, match=NOT_JSON):
        run(resolve, "--reason", text, "--none")
    assert harness.status().unresolved == 4


@pytest.mark.parametrize("form", ["0/{}..0/{}", "0/{}..{}"])
def test_a_range_is_closed_both_ends_within(harness: WorkerHarness, run: Run, form: str) -> None:
    offsets = flood(harness, 0, 10, JUNK)

    found = run(resolve, form.format(offsets[2], offsets[6]), "--sent")

    assert (found.return_value, found.stderr) == (0, "")
    assert still_open(harness, 0) == [*offsets[:2], *offsets[7:]]


def test_a_range_and_a_reason_together_mean_both(harness: WorkerHarness, run: Run) -> None:
    offsets = flood(harness, 0, 10, JUNK, UNDATED)

    run(resolve, f"0/{offsets[0]}..{offsets[5]}", "--reason", NO_DATE, "--none")

    assert still_open(harness, 0) == [offsets[0], offsets[2], offsets[4], *offsets[6:]]


def test_ranges_and_places_may_be_mixed(harness: WorkerHarness, run: Run) -> None:
    zero, one = flood(harness, 0, 6, JUNK), flood(harness, 1, 3, JUNK)

    run(resolve, f"0/{zero[0]}..{zero[1]}", f"0/{zero[3]}", f"1/{one[0]}..1/{one[2]}", "--none")

    assert (still_open(harness, 0), still_open(harness, 1)) == ([zero[2], *zero[4:]], [])


@pytest.mark.parametrize("given", ["0/5..1/7", "0/7..0/5", "0/5..", "0/..5", "..", "0/5..x", "0/90..0/95", "0/5...7"])
def test_a_range_that_is_none_or_holds_nothing_is_refused(harness: WorkerHarness, run: Run, given: str) -> None:
    flood(harness, 0, 3, JUNK)

    with pytest.raises(InputInvalid):
        run(resolve, given, "--none")
    assert harness.status().unresolved == 3


def test_a_list_is_closed_and_nothing_else(harness: WorkerHarness, run: Run, tmp_path: Path) -> None:
    zero, one = flood(harness, 0, 8, JUNK, UNDATED), flood(harness, 1, 3, JUNK)
    listed = tmp_path / "places"
    listed.write_text(f"0/{zero[0]}..{zero[1]}\n\n1/{one[2]}\n")

    found = run(resolve, "--places", str(listed), f"0/{zero[7]}", "--none")

    assert (found.return_value, found.stderr) == (0, "")
    assert (still_open(harness, 0), still_open(harness, 1)) == (zero[2:7], one[:2])


@pytest.mark.parametrize("printed", ["resolve", "pending", "dead letters"])
def test_rows_as_they_are_printed_close_those_of_their_reason(
    harness: WorkerHarness, run: Run, tmp_path: Path, printed: str
) -> None:
    offsets = flood(harness, 0, 6, JUNK, UNDATED)
    rows = {
        "resolve": lambda: [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()],
        "pending": lambda: [json.loads(line) for line in run(pending, "--json").stdout.splitlines()],
        "dead letters": harness.dead_letters,
    }[printed]()
    chosen = [row for row in rows if row.get("reason", row.get("why")) == NOT_JSON]
    listed = tmp_path / "rows"
    listed.write_text("\n".join(map(json.dumps, chosen)))
    assert len(chosen) == 3

    assert run(resolve, "--places", str(listed), "--sent").return_value == 0

    assert still_open(harness, 0) == offsets[1::2]
    # Nothing is closed where one of the rows is of none that is open.
    listed.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputInvalid, match=rf"0/{offsets[0]} \(line 1\) because of 'not JSON"):
        run(resolve, "--places", str(listed), "--sent")
    assert still_open(harness, 0) == offsets[1::2]


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("0/0\n0/x\n", [], "line 2: '0/x' is no place"),
        ("0/0\n0/7777\n9/0", [], r"at 0/7777 \(line 2\), 9/0 \(line 3\); none is closed"),
        ("\n".join(f"0/{n}" for n in range(5000, 5099)), [], "and at 89 more"),
        ("\n\n", [], "no place in the input"),
        ('{"place":"0/0","reason":"else"}', ["--reason", NOT_JSON], "is open because of 'else', not of 'not JSON"),
    ],
)
def test_a_list_with_a_line_that_is_none_closes_nothing(
    harness: WorkerHarness, run: Run, tmp_path: Path, text: str, given: list[str], says: str
) -> None:
    flood(harness, 0, 3, JUNK)
    listed = tmp_path / "places"
    listed.write_text(text)

    with pytest.raises(InputInvalid, match=says):
        run(resolve, "--places", str(listed), "--none", *given)
    assert harness.status().unresolved == 3


def test_many_requests_are_carried_out_one_turn_after_the_other(
    harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner looks for new ones seldom, but goes on with those that it has seen."""
    offsets = flood(harness, 0, 9, JUNK)
    monkeypatch.setattr("unlearn.operator_requests.runner.AT_ONCE", 2)
    monkeypatch.setattr("unlearn.operator_requests.runner._LOOK_EVERY", 1e9)
    harness.worker._requests._look_at.clear()
    leave_requests(harness.client, Keys(harness.settings.model, 0), dict(wish(at, "none") for at in offsets))

    for _ in range(20):
        harness.worker.turn(0)

    assert still_open(harness, 0) == []


def test_a_range_is_one_request_and_goes_on_under_the_next_owner(
    harness: WorkerHarness, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unlearn.operator_requests.plan.AT_ONCE", 2)
    offsets = flood(harness, 0, 9, JUNK)
    keys = Keys(harness.settings.model, 0)
    harness.worker.close()
    found = run(resolve, f"0/{offsets[0]}..{offsets[7]}", "--none", "--wait", "0")
    assert found.return_value == 75
    assert harness.client.hlen(keys.of("asked")) == 1

    harness.worker = harness.make_worker()
    harness.turn_until(lambda: len(still_open(harness, 0)) < 9)
    assert len(still_open(harness, 0)) == 7
    assert harness.client.hlen(keys.of("asked")) == 1
    harness.worker.close()
    harness.worker = harness.make_worker()
    harness.turn_until(lambda: not harness.client.hlen(keys.of("asked")))

    assert still_open(harness, 0) == [offsets[8]]
    assert harness.status().resolved == 8


def test_possible_deletions_behind_the_request_stay_open(harness: WorkerHarness, run: Run) -> None:
    offsets = flood(harness, 0, 3, JUNK)
    harness.worker.close()
    run(resolve, "--reason", NOT_JSON, "--none", "--wait", "0")
    harness.worker = harness.make_worker()
    later = flood(harness, 0, 2, JUNK)
    harness.turn_until(lambda: not harness.client.hlen(Keys(harness.settings.model, 0).of("asked")))

    assert still_open(harness, 0) == later
    assert offsets[-1] < later[0]


def test_a_flood_is_kept_as_few_entries_and_each_of_it_stays_open(harness: WorkerHarness, run: Run) -> None:
    values = [b'{"type":"seal"}' if n % 5 == 0 else JUNK if n % 2 else UNDATED for n in range(8000)]
    for value in values:
        harness.raw(1, value)
    due = [offset for offset, value in enumerate(values) if value != b'{"type":"seal"}']
    harness.apply()

    view = stored(harness, 1)
    assert len(view.unresolved) + len(view.open_ranges) < 2100
    assert sum(len(held.runs) for held in view.open_ranges.values()) < 8 * len(due)
    assert [offset for offset in range(8000) if view.is_open(offset)] == due
    shown = harness.status(clock=lambda: time.time() + 50).partitions[1].deletions
    assert shown.unresolved == len(due)
    assert shown.oldest_unresolved is not None
    assert shown.oldest_unresolved >= 50
    assert len(letters(harness)) == len(due)
    assert same_as_stored(harness)

    rows = [json.loads(line) for line in run(resolve, "--json").stdout.splitlines()]
    assert sum(row["count"] for row in rows) == len(due)
    assert len(rows) < 2100

    harness.worker.close()
    harness.worker = harness.make_worker()
    harness.apply()
    assert run(resolve, f"1/{due[0]}..1/{due[7]}", "--none").return_value == 0
    assert still_open(harness, 1) == due[8:]
    for reason in (NOT_JSON, NO_DATE):
        assert run(resolve, "--reason", reason, "--none", "--wait", "60").return_value == 0
    assert harness.status().unresolved == 0
    assert harness.status().resolved == len(due)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_reason_is_never_lost_for_want_of_room(
    harness: WorkerHarness, run: Run, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    (offset,) = flood(harness, 1, 1, JUNK)

    shown = run(resolve).stdout

    assert all(len(line) <= width for line in shown.splitlines())
    said = " ".join(shown.split())
    assert NOT_JSON in said
    assert f"1/{offset}" in said


# -- the owner's side


def test_whatever_stands_there_is_cleared_and_harms_nobody(harness: WorkerHarness, run: Run) -> None:
    harness.apply()
    key = Keys(harness.settings.model, 0).of("asked")
    harness.client.hset(key, mapping={b"\xff\xfe": b"\xff", "retry:7": "", "resolve:1": "sent", "": ""})
    harness.worker.turn(0)

    assert harness.client.exists(key) == 0
    assert same_as_stored(harness)


def test_an_owner_that_lost_the_partition_fulfils_nothing(harness: WorkerHarness, run: Run) -> None:
    offset = harness.raw(1, JUNK)
    harness.apply()
    key = Keys(harness.settings.model, 1)
    harness.client.hset(key.of("asked"), f"resolve:{offset}", "none")
    harness.client.hset(key.meta, "token", "99:" + "f" * 32)
    harness.worker._guarded(harness.worker.owned[1], harness.worker._requests.turn)

    assert harness.counts["fenced"] == 1
    assert list(stored(harness, 1).unresolved) == [offset]
    assert harness.client.hlen(key.of("asked")) == 1


@pytest.mark.parametrize("asked", ["resolved", "still asked"])
def test_a_word_that_redis_forgot_is_said_again(harness: WorkerHarness, run: Run, asked: str) -> None:
    """Rolled back to before the owner obeyed: what was resolved is open again, what still stands is obeyed."""
    offset = harness.raw(1, JUNK)
    harness.apply()
    keys = Keys(harness.settings.model, 1)
    if asked == "still asked":
        harness.client.hset(keys.of("asked"), f"resolve:{offset}", "none")
    past = remember(harness.client, harness.settings)
    assert run(resolve, f"1/{offset}", "--none").return_value == 0
    assert harness.status().unresolved == 0
    roll_back(harness.client, harness.settings, past)

    assert harness.status().unresolved == 1
    for _ in range(5):
        harness.worker.turn(0)
    assert harness.worker.counters["rolled_back"] == 1
    harness.apply()
    harness.worker.turn(0)
    assert harness.status().unresolved == (0 if asked == "still asked" else 1)
    if asked == "resolved":
        assert run(resolve, f"1/{offset}", "--none").return_value == 0
        assert harness.status().unresolved == 0

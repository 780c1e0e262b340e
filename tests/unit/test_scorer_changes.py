"""Whoever wants to know is told when other states are served, and no answer is given beyond its lease."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.harness.results_harness import HAM, LEASE, PROBE, SPAM, ResultsHarness
from tests.harness.waiting import until
from unlearn.errors import LogUnavailable, NotEnough
from unlearn.log.memory.tails import MemoryTail
from unlearn.scoring.changes import Change, PartitionChange


@pytest.fixture
def harness(tmp_path: Path) -> ResultsHarness:
    return ResultsHarness(tmp_path, "naive-bayes")


def test_a_change_tells_what_is_served_now(harness: ResultsHarness) -> None:
    told: list[Change] = []
    scorer = harness.scorer()
    scorer.on_change(told.append)
    harness.both(scorer)

    assert told[-1].left_out == ()
    assert told[-1].version == scorer.version
    assert told[-1].content == scorer.served().content != ""
    assert {one.partition: (one.rows, one.rows_before) for one in told[-1].partitions} == {0: (2, 0), 1: (3, 0)}


def test_a_deletion_is_told_with_the_rows_and_the_shards_that_were_withdrawn(harness: ResultsHarness) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    told: list[Change] = []
    scorer.on_change(told.append)
    harness.send(
        harness.manifest(1, 2, [harness.entry(1, 0, SPAM[:1], status="withdrawn"), *harness.without_rows(1, 1)])
    )
    harness.beat(1, 2)
    scorer.poll(0)

    (change,) = told
    assert change.partitions == (PartitionChange(1, 20, rows=1, rows_before=3, withdrawn=(0,)),)


def test_a_version_with_the_same_states_is_no_news(harness: ResultsHarness) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    told: list[Change] = []
    scorer.on_change(told.append)
    before = scorer.scores(PROBE)

    harness.publish(0, 1, HAM, counter=2)
    harness.beat(0, 1, counter=2)
    scorer.poll(0)
    after = scorer.scores(PROBE)

    assert told == []
    assert (after.content, after.version) == (before.content, scorer.version)
    assert after.version != before.version


def test_the_end_of_a_lease_is_told(harness: ResultsHarness) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    told: list[Change] = []
    scorer.on_change(told.append)

    harness.now += LEASE + 1
    scorer.poll(0)

    assert [(change.content, change.left_out, change.partitions) for change in told] == [("", (0, 1), ())]
    assert scorer.lease_ends is None


def test_the_end_of_a_lease_is_told_in_an_outage(harness: ResultsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    told: list[Change] = []
    scorer.on_change(told.append)

    def down(*_: object) -> int:
        raise LogUnavailable("no broker answers")

    monkeypatch.setattr(MemoryTail, "end", down)
    harness.now += LEASE + 1
    with pytest.raises(LogUnavailable):
        scorer.poll(0)

    assert [(change.content, change.left_out) for change in told] == [("", (0, 1))]


def test_what_is_told_twice_is_heard_twice_and_not_after_the_end(harness: ResultsHarness) -> None:
    scorer = harness.scorer()
    first: list[Change] = []
    second: list[Change] = []
    end, _ = scorer.on_change(first.append), scorer.on_change(second.append)
    harness.both(scorer)
    heard = len(first)
    end()
    harness.publish(0, 2, HAM[:1])
    harness.beat(0, 2)
    scorer.poll(0)

    assert heard == len(first) > 0
    assert len(second) == heard + 1


def test_a_callback_that_fails_ends_nothing(harness: ResultsHarness, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Change] = []

    def fail(_: Change) -> None:
        raise KeyError("a bug of the caller's")

    with harness.scorer() as scorer:
        scorer.on_change(fail)
        scorer.on_change(told.append)
        scorer.start()
        harness.publish(0, 1, HAM)
        harness.publish(1, 1, SPAM)
        until(lambda: scorer.version == 1, 60, "both are merged")
        for partition in (0, 1):
            harness.beat(partition, 1)
        assert scorer.wait(60)
        until(lambda: bool(told) and told[-1].left_out == (), 60, "the other is told")
        assert scorer.scores(PROBE).left_out == ()
    assert "a callback of on_change failed" in caplog.text


# -- leases


def test_an_answer_tells_when_its_lease_ends(harness: ResultsHarness) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    harness.now += 1
    before = datetime.now(UTC)

    ends = scorer.scores(PROBE).lease_ends

    assert ends is not None
    assert scorer.lease_ends is not None
    assert ends - before <= timedelta(seconds=LEASE)


def test_a_version_that_was_kept_gives_no_answer_after_its_lease(harness: ResultsHarness) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    served = scorer.served()
    assert served.scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM).tobytes()

    harness.now += LEASE

    with pytest.raises(NotEnough, match="the lease of this version has ended"):
        served.scores(PROBE)


def test_an_answer_that_outlasts_the_lease_is_not_given(
    harness: ResultsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    served = scorer.served()
    kind = type(served.ensemble)
    score = kind.scores

    def slow(self: object, rows: object) -> object:
        harness.now += LEASE
        return score(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "scores", slow)
    with pytest.raises(NotEnough):
        served.scores(PROBE)


def test_what_is_asked_once_has_no_lease(harness: ResultsHarness) -> None:
    harness.publish(0, 1, HAM)
    harness.publish(1, 1, SPAM)
    served = harness.scorer().once(0)
    harness.now += 100 * LEASE

    assert served.scores(PROBE).lease_ends is None


# -- asyncio


def test_a_loop_is_told_of_changes_and_asks_without_waiting(harness: ResultsHarness) -> None:
    async def run() -> tuple[Change, bytes]:
        loop, changes = asyncio.get_running_loop(), asyncio.Queue[Change]()
        with harness.scorer() as scorer:
            scorer.on_change(lambda change: loop.call_soon_threadsafe(changes.put_nowait, change))
            scorer.start()
            harness.publish(0, 1, HAM)
            harness.publish(1, 1, SPAM)
            await asyncio.to_thread(until, lambda: scorer.version == 1, 60, "both are merged")
            for partition in (0, 1):
                harness.beat(partition, 1)
            assert await asyncio.to_thread(scorer.wait, 60)
            change = await changes.get()
            while change.left_out:
                change = await changes.get()
            return change, scorer.scores(PROBE).scores.tobytes()

    change, scores = asyncio.run(run())

    assert change.left_out == ()
    assert scores == harness.expected(HAM, SPAM).tobytes()
    assert not [thread for thread in threading.enumerate() if thread.name == "unlearn-scorer"]

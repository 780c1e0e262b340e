"""Manifests on the in-process log against the reference: equal ones, and each way of not being so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console

from tests.harness.events import delete
from tests.unit.truthful_owner import EVENTS, IDENTITY, RESULTS, SECRET, TruthfulOwner, changed, truthful_owner
from unlearn.cli.commands.setup.verify import show
from unlearn.errors import LogUnavailable, Refused, TopicMissing
from unlearn.log.memory.log import MemoryLog
from unlearn.simulate.replay import replay_log
from unlearn.verification.from_log import verify_log
from unlearn.verification.judging import judge
from unlearn.verification.reference import Model
from unlearn.verification.report import Report, ShardVerdict
from unlearn.verification.subject import Subject
from unlearn_models import Learner


class Inexact:
    """A learner whose bytes depend on the machine."""

    exact_everywhere = False

    def __init__(self, learner: Learner) -> None:
        self._learner = learner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._learner, name)


@pytest.mark.parametrize("learner", ["naive-bayes", "linear"])
def test_the_truth_is_equal(learner: str) -> None:
    given = truthful_owner(learner)
    for partition in range(2):
        given.publish(given.truth(partition))

    report = given.verify()

    assert [(s.partition, s.shard, s.verdict, s.reason) for s in report.shards] == [
        (p, s, "equal", "") for p in range(2) for s in range(2)
    ]
    assert (report.exit_code, report.version) == (0, 1)
    assert sum(shard.rows or 0 for shard in report.shards) == 29


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"digest": "0" * 64}, "digest"),
        ({"lineage": "0" * 32}, "lineage"),
        ({"rows": 1}, "rows"),
        ({"through": 10}, "digest"),
        ({"through": 11}, "no slice ends at 11"),
        ({"through": 1000}, "beyond what was applied"),
        ({"status": "empty"}, "said to be empty"),
    ],
)
def test_a_changed_entry_is_different(changes: dict[str, Any], reason: str) -> None:
    given = truthful_owner()
    given.publish(given.truth(0))
    given.publish(changed(given.truth(1), 1, **changes))

    report = given.verify()

    assert [shard.verdict for shard in report.shards] == ["equal"] * 3 + ["different"]
    assert reason in report.shards[3].reason
    assert report.exit_code == 1


def test_a_deleted_record_still_in_a_state_is_different() -> None:
    given = truthful_owner()
    given.publish(given.truth(0))
    stale = given.truth(1)
    found = replay_log(given.log, given.subject, 1, given.end(1))
    row = next(r for r in found.rows.values() if r.death is None and r.shard == 0 and r.end <= stale.applied)
    given.put(delete(row.insert.record_id, row.insert.subject_id))

    given.publish(stale.model_copy(update={"applied": given.end(1), "sequence": 9}))

    assert [shard.verdict for shard in given.verify().shards] == ["equal", "equal", "different", "equal"]


def test_every_manifest_that_ever_stood_can_be_judged() -> None:
    given = truthful_owner()
    found = replay_log(given.log, given.subject, 0, given.end(0))

    for applied in range(given.end(0) + 1):
        verdicts = judge(given.subject, found, given.truth(0, applied), applied)
        assert [verdict.verdict for verdict in verdicts] == ["equal", "equal"]


def test_an_older_manifest_doesnt_hide_the_newest() -> None:
    given = truthful_owner()
    old = given.truth(0)
    for manifest in (given.truth(0), given.truth(1), changed(old, 0, digest="0" * 64)):
        given.publish(manifest)

    assert given.verify().exit_code == 0


def test_what_isnt_covered_is_pending_and_named() -> None:
    given = truthful_owner()
    given.publish(given.truth(0))
    given.publish(given.truth(1, given.end(1) - 1))

    report = given.verify()

    assert [shard.verdict for shard in report.shards] == ["equal"] * 2 + ["pending"] * 2
    assert f"the log goes up to {given.end(1)}" in report.shards[2].reason
    assert report.exit_code == 2


def test_a_partition_without_a_manifest_is_pending() -> None:
    given = truthful_owner()
    given.publish(given.truth(0))

    report = given.verify()

    assert [shard.verdict for shard in report.shards[2:]] == ["pending", "pending"]
    assert report.shards[2].reason == "the partition has no manifest yet"
    assert report.exit_code == 2


@pytest.mark.parametrize("status", ["withdrawn", "left-out", "behind", "current"])
def test_a_true_prefix_is_pending(status: str) -> None:
    given = truthful_owner()
    whole = given.truth(1)
    found = replay_log(given.log, given.subject, 1, whole.applied)
    state = found.state(0, 10, whole.applied)
    given.publish(given.truth(0))
    given.publish(changed(whole, 0, through=10, status=status, **state._asdict()))

    report = given.verify()

    assert [shard.verdict for shard in report.shards] == ["equal", "equal", "pending", "equal"]
    assert report.shards[2].reason


@pytest.mark.parametrize("status", ["withdrawn", "left-out", "behind"])
def test_a_shard_that_says_so_is_pending(status: str) -> None:
    given = truthful_owner()
    given.publish(changed(given.truth(0), 1, status=status))
    given.publish(given.truth(1))

    assert [shard.verdict for shard in given.verify().shards] == ["equal", "pending", "equal", "equal"]


def test_a_shard_without_new_rows_covers_all_at_an_earlier_end() -> None:
    given = truthful_owner()
    for partition in range(2):
        whole = given.truth(partition)
        for _ in range(25):
            given.log.append(EVENTS, partition, None, None, ())
        given.publish(whole.model_copy(update={"applied": given.end(partition)}))

    assert given.verify().exit_code == 0


@pytest.mark.parametrize("listed", [(0,), (1,), (), (0, 0, 1), (0, 1, 1)])
def test_a_manifest_that_does_not_list_each_shard_once_is_different(listed: tuple[int, ...]) -> None:
    given = truthful_owner()
    whole = given.truth(0)
    given.publish(whole.model_copy(update={"shards": tuple(whole.shards[shard] for shard in listed)}))
    given.publish(given.truth(1))

    report = given.verify()

    assert [shard.verdict for shard in report.shards] == ["different", "different", "equal", "equal"]


def test_an_empty_log_with_empty_states_is_equal() -> None:
    given = TruthfulOwner()
    for partition in range(2):
        given.publish(given.truth(partition))

    assert given.verify().exit_code == 0


@pytest.mark.parametrize("changes", [{"identity": "2e" * 32}, {"learner": "naive-bayes"}])
def test_a_model_with_other_settings_is_incomparable(changes: dict[str, Any]) -> None:
    given = truthful_owner()
    given.publish(given.truth(0))
    given.publish(given.truth(1).model_copy(update=changes))

    report = given.verify()

    assert [shard.verdict for shard in report.shards] == ["equal"] * 2 + ["incomparable"] * 2
    assert report.exit_code == 3


def test_another_profile_is_incomparable_only_where_it_matters() -> None:
    given = truthful_owner(profile="q")
    for partition in range(2):
        given.publish(given.truth(partition))
    inexact = Model(2, 2, 10, True, SECRET, Inexact(given.model.learner))

    assert given.verify().exit_code == 0
    other = Subject("m", EVENTS, RESULTS, inexact, IDENTITY, "q")
    assert verify_log(given.log, other).exit_code == 3
    same = Subject("m", EVENTS, RESULTS, inexact, IDENTITY, "p")
    assert verify_log(given.log, same).exit_code == 0


def test_a_log_that_has_lost_its_start_or_its_end_is_incomparable() -> None:
    for harm in (MemoryLog.truncate, MemoryLog.cut):
        given = truthful_owner()
        for partition in range(2):
            given.publish(given.truth(partition))
        harm(given.log, EVENTS, 0, 3)

        report = given.verify()

        assert [shard.verdict for shard in report.shards] == ["incomparable"] * 2 + ["equal"] * 2
        assert report.exit_code == 3


def test_a_model_made_later_starts_where_it_was_made() -> None:
    given = truthful_owner(starts={0: 3, 1: 5})
    for partition in range(2):
        given.publish(given.truth(partition))
    whole = TruthfulOwner().subject
    given.log.truncate(EVENTS, 0, 3)

    assert given.verify().exit_code == 0
    assert verify_log(given.log, whole).exit_code == 1


def test_a_model_made_later_has_learned_nothing_at_its_start() -> None:
    given = truthful_owner(starts={0: 3})
    at_start = given.truth(0, 3)
    for shard in range(2):
        at_start = changed(at_start, shard, through=3)

    found = replay_log(given.log, given.subject, 0, 3)

    assert [verdict.verdict for verdict in judge(given.subject, found, at_start, 3)] == ["equal", "equal"]


@pytest.mark.parametrize("reading", ["rows", "states"])
def test_retention_that_comes_while_reading_is_seen(reading: str) -> None:
    given = truthful_owner()
    for partition in range(2):
        given.publish(given.truth(partition))

    def progress(what: str, done: int, total: int) -> None:
        if what == f"partition 0, {reading}":
            given.log.truncate(EVENTS, 0, 1)

    report = verify_log(given.log, given.subject, progress)

    assert [shard.verdict for shard in report.shards] == ["incomparable"] * 2 + ["equal"] * 2
    assert report.shards[0].reason == "the log starts at 1, the model at 0"


def test_an_insert_that_is_gone_at_the_second_reading_is_incomparable() -> None:
    given = truthful_owner()
    for partition in range(2):
        given.publish(given.truth(partition))
    slot = replay_log(given.log, given.subject, 0, given.end(0)).holds(0, given.end(0), given.end(0)).pop()

    def progress(what: str, done: int, total: int) -> None:
        if (what, done) == ("partition 0, rows", total):
            place = given.log.partition(EVENTS, 0)
            place.entries = [entry for entry in place.entries if entry.offset != slot]

    report = verify_log(given.log, given.subject, progress)

    assert [shard.verdict for shard in report.shards] == ["incomparable"] * 2 + ["equal"] * 2
    assert report.shards[0].reason == f"the insert at {slot} can't be read again"


def test_what_cant_be_decoded_is_incomparable_unless_the_manifest_says_it_was_stepped_over() -> None:
    given = truthful_owner()
    whole = given.truth(0)
    given.log.spoil(EVENTS, 0, 3, 5)
    given.publish(whole)
    given.publish(given.truth(1))

    assert [shard.verdict for shard in given.verify().shards] == ["incomparable"] * 2 + ["equal"] * 2

    given.publish(whole.model_copy(update={"skipped": ((3, 5),), "sequence": 9}))

    # Both rows that were stepped over are the second shard's.
    assert [shard.verdict for shard in given.verify().shards] == ["equal", "different", "equal", "equal"]


def test_what_cant_be_decoded_beyond_applied_is_not_covered_yet() -> None:
    given = truthful_owner()
    for partition in range(2):
        given.publish(given.truth(partition))
    end = given.end(0)
    given.log.append(EVENTS, 0, None, b"", ())
    given.log.spoil(EVENTS, 0, end, end + 1)

    report = given.verify()

    assert [shard.verdict for shard in report.shards] == ["pending"] * 2 + ["equal"] * 2
    assert report.shards[0].reason == f"applied up to {end}, the log goes up to {end + 1}"


def test_a_manifest_that_comes_while_verifying_is_judged_at_its_own_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    given = truthful_owner()
    tail = MemoryLog.tail

    def late(log: MemoryLog, topic: str) -> Any:
        given.fill()
        for partition in range(2):
            given.publish(given.truth(partition))
        return tail(log, topic)

    monkeypatch.setattr(MemoryLog, "tail", late)

    assert given.verify().exit_code == 0


def test_progress_ends_with_the_whole() -> None:
    given, seen = truthful_owner(), dict[str, tuple[int, int]]()
    given.publish(given.truth(0))

    verify_log(given.log, given.subject, lambda what, done, total: seen.update({what: (done, total)}))

    ends = given.end(0), given.end(0)
    assert seen == {"partition 0, rows": ends, "partition 0, states": ends}


def test_too_few_partitions_are_refused() -> None:
    given = truthful_owner()
    wide = Subject("m", EVENTS, RESULTS, Model(4, 2, 10, True, b"k", given.model.learner), IDENTITY)

    with pytest.raises(Refused, match="3 partitions, the model 4"):
        verify_log(given.log, wide)


def test_missing_topics_are_named() -> None:
    given = truthful_owner()
    given.log.delete_topic(RESULTS)

    with pytest.raises(TopicMissing, match=RESULTS):
        given.verify()


def test_results_that_dont_come_to_their_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unlearn.results.results_topic.Results.follow", lambda *_: False)

    with pytest.raises(LogUnavailable, match=RESULTS):
        truthful_owner().verify()


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["equal", "equal"], 0),
        (["equal", "pending"], 2),
        (["pending", "incomparable", "equal"], 3),
        (["incomparable", "different", "pending"], 1),
        ([], 2),
    ],
)
def test_the_worst_verdict_makes_the_exit_code(verdicts: list[Any], code: int) -> None:
    report = Report(tuple(ShardVerdict(0, shard, verdict) for shard, verdict in enumerate(verdicts)))

    assert report.exit_code == code


def test_the_report_as_json_and_as_a_table() -> None:
    report = Report((ShardVerdict(0, 0, "equal", "", 10, 12, 5, "ab" * 32), ShardVerdict(0, 1, "pending", "behind")), 7)
    console = Console(width=100, record=True, file=None, quiet=False)

    with console.capture() as captured:
        show(report, console)

    assert json.loads(json.dumps(report.to_json()))["shards"][1]["reason"] == "behind"
    assert report.to_json()["counts"] == {"equal": 1, "pending": 1}
    lines = captured.get().splitlines()
    assert lines[1].split() == ["0", "0", "equal", "10", "12", "5", "abababababab"]
    assert lines[2].split() == ["0", "1", "pending", "-", "-", "-", "-", "behind"]
    assert lines[3].strip() == "pending: 1 equal, 1 pending of 2 shards, version 7"

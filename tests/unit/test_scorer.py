from __future__ import annotations

import hashlib
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.harness.results_harness import (
    FEATURES,
    HAM,
    LEASE,
    NONCE,
    OTHERS,
    PROBE,
    SPAM,
    Bomb,
    CountingStore,
    ResultsHarness,
)
from tests.harness.waiting import until
from unlearn.errors import LogDenied, LogUnavailable, NotEnough, Refused, StoreUnavailable, TopicMissing
from unlearn.log.memory.tails import MemoryTail
from unlearn.scoring.published_model import of_settings
from unlearn.scoring.scorer import Scorer
from unlearn.settings import LearnerName
from unlearn.storage.artefacts import Artefact, artefact_name
from unlearn_models import BadRows, Rows, hash_texts


@pytest.fixture(params=["naive-bayes", "linear"])
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> ResultsHarness:
    return ResultsHarness(tmp_path, request.param)


@pytest.fixture
def bayes(tmp_path: Path) -> ResultsHarness:
    """Any one partition is enough for an answer."""
    return ResultsHarness(tmp_path, "naive-bayes", quorum=0.0)


@pytest.fixture
def settled(bayes: ResultsHarness) -> Iterator[tuple[ResultsHarness, Scorer]]:
    """Both partitions served."""
    scorer = bayes.scorer()
    bayes.both(scorer)
    yield bayes, scorer
    scorer.close()


def out(scorer: Scorer) -> tuple[int, ...]:
    return scorer.left_out


# -- answers


def test_an_answer_is_that_of_all_shards_and_names_its_version(harness: ResultsHarness) -> None:
    scorer = harness.scorer()

    harness.both(scorer)

    answer = scorer.scores(PROBE)
    assert answer.scores.tobytes() == harness.expected(HAM, SPAM).tobytes()
    assert (answer.version, answer.left_out, answer.classes) == (1, (), ("ham", "spam"))
    assert (scorer.version, answer.learned) == (1, True)
    assert scorer.predict(["cheap pills", "minutes of the meeting"]) == ["spam", "ham"]


def test_rows_of_features_are_scored_like_the_text_they_come_from(harness: ResultsHarness) -> None:
    scorer = harness.scorer()
    harness.both(scorer)

    rows = Rows(np.full(len(PROBE), -1, np.int32), *hash_texts(PROBE, FEATURES))

    assert scorer.scores(rows).scores.tobytes() == scorer.scores(PROBE).scores.tobytes()


def test_a_model_without_rows_answers_uniform(harness: ResultsHarness) -> None:
    scorer = harness.scorer()

    for partition in (0, 1):
        harness.publish(partition, 1, [])
    scorer.poll(0)
    for partition in (0, 1):
        harness.beat(partition, 1)
    scorer.poll(0)

    assert scorer.scores(PROBE).scores.tolist() == [[0.5, 0.5]]
    assert (scorer.version, out(scorer), scorer.scores(PROBE).learned) == (1, (), False)
    assert harness.store.fetched == []


def test_only_shards_with_rows_take_part(harness: ResultsHarness) -> None:
    left_out = harness.entry(0, 1, SPAM, status="left-out", file="")
    no_rows = harness.entry(1, 1, [], status="current")
    harness.send(harness.manifest(0, 1, [harness.entry(0, 0, HAM), left_out]))
    harness.send(harness.manifest(1, 1, [harness.entry(1, 0, SPAM), no_rows]))
    scorer = harness.scorer()
    scorer.poll(0)
    for partition in (0, 1):
        harness.beat(partition, 1)
    scorer.poll(0)

    assert scorer.scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM).tobytes()


def test_two_shards_with_equal_states_count_twice(bayes: ResultsHarness) -> None:
    bayes.send(bayes.manifest(0, 1, [bayes.entry(0, 0, HAM), bayes.entry(0, 1, HAM)]))
    scorer = bayes.scorer()
    scorer.poll(0)
    bayes.beat(0, 1)
    scorer.poll(0)

    assert scorer.scores(PROBE).scores.tobytes() == bayes.expected(HAM, HAM).tobytes()


def test_only_states_that_changed_are_fetched(settled: tuple[ResultsHarness, Scorer]) -> None:
    harness, scorer = settled
    before = list(harness.store.fetched)

    harness.publish(0, 2, HAM)
    harness.publish(1, 2, SPAM[:1])
    scorer.poll(0)

    changed = harness.entry(1, 0, SPAM[:1]).file
    assert harness.store.fetched == [*before, changed]
    assert scorer.scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM[:1]).tobytes()
    assert scorer.version == 5


# -- the lease


def test_nothing_is_served_before_a_new_heartbeat(bayes: ResultsHarness) -> None:
    # given a manifest and its heartbeat from before the scorer started
    bayes.publish(0, 1, HAM)
    bayes.beat(0, 1)
    scorer = bayes.scorer()

    scorer.poll(0)
    assert out(scorer) == (0, 1)

    bayes.beat(0, 1)
    scorer.poll(0)
    assert out(scorer) == (1,)


def test_a_partition_lapses_with_its_lease_and_the_others_go_on(settled: tuple[ResultsHarness, Scorer]) -> None:
    harness, scorer = settled
    harness.now += 15
    scorer.poll(0)
    harness.beat(1, 1)
    scorer.poll(0)

    harness.now += LEASE - 15 - 0.01
    assert out(scorer) == ()
    harness.now += 0.02
    assert out(scorer) == (0,)

    answer = scorer.scores(PROBE)
    assert answer.scores.tobytes() == harness.expected(SPAM).tobytes()
    assert answer.left_out == (0,)


def test_no_poll_is_needed_for_a_lease_to_end(settled: tuple[ResultsHarness, Scorer]) -> None:
    harness, scorer = settled

    harness.now += LEASE

    assert out(scorer) == (0, 1)
    with pytest.raises(NotEnough, match=r"0 of 2 .* left out: 0, 1 \(no heartbeat within the lease\)"):
        scorer.scores(PROBE)


def test_the_wall_clock_decides_nothing(
    settled: tuple[ResultsHarness, Scorer], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness, scorer = settled
    monkeypatch.setattr(time, "time", lambda: 4e9)
    harness.log.clock = lambda: -3_600_000
    harness.publish(0, 2, HAM, created_at=-3_600_000)

    harness.now += LEASE - 1
    scorer.poll(0)
    assert out(scorer) == ()

    harness.now += 1
    assert out(scorer) == (0, 1)


def test_after_a_cut_off_it_waits_for_one_new_heartbeat(settled: tuple[ResultsHarness, Scorer]) -> None:
    # given heartbeats that were appended while the scorer was cut off
    harness, scorer = settled
    harness.now += 10 * LEASE
    harness.beat(0, 1)
    harness.beat(1, 1)

    # when it is back, they tell nothing of now
    scorer.poll(0)
    assert out(scorer) == (0, 1)

    harness.now += 1
    harness.beat(0, 1)
    scorer.poll(0)
    assert out(scorer) == (1,)


def test_a_heartbeat_counts_from_the_last_look_before_it(settled: tuple[ResultsHarness, Scorer]) -> None:
    # given a heartbeat that may have come at any moment of the last 5 s
    harness, scorer = settled
    scorer.poll(0)
    start = harness.now
    harness.now += 5
    harness.beat(0, 1)
    scorer.poll(0)

    harness.now = start + LEASE - 0.01
    assert 0 not in out(scorer)
    harness.now = start + LEASE
    assert 0 in out(scorer)


def test_while_an_outage_lasts_the_leases_run(
    settled: tuple[ResultsHarness, Scorer], monkeypatch: pytest.MonkeyPatch
) -> None:
    harness, scorer = settled

    def down(*_: object) -> int:
        raise LogUnavailable("down")

    monkeypatch.setattr("unlearn.log.memory.tails.MemoryTail.end", down)
    with pytest.raises(LogUnavailable):
        scorer.poll(0)
    assert out(scorer) == ()

    harness.now += LEASE
    assert out(scorer) == (0, 1)


@pytest.mark.parametrize(
    ("counter", "nonce", "sequence"),
    [(1, "b" * 32, 1), (1, NONCE, 2)],
    ids=["foreign nonce", "newer manifest"],
)
def test_a_heartbeat_of_anything_else_renews_nothing(
    settled: tuple[ResultsHarness, Scorer], counter: int, nonce: str, sequence: int
) -> None:
    harness, scorer = settled
    harness.now += 10
    scorer.poll(0)
    harness.beat(0, sequence, counter=counter, nonce=nonce)
    scorer.poll(0)

    harness.now += LEASE - 10

    assert 0 in out(scorer)


def test_a_new_manifest_of_the_same_owner_goes_on_under_the_lease(settled: tuple[ResultsHarness, Scorer]) -> None:
    harness, scorer = settled
    harness.now += 10
    harness.publish(0, 2, HAM[:1])
    scorer.poll(0)
    assert out(scorer) == ()

    harness.now += LEASE - 10
    assert 0 in out(scorer)


def test_a_heartbeat_overtaken_by_a_manifest_vouches_for_its_owner(bayes: ResultsHarness) -> None:
    # given one that went out while the second manifest waited for its acknowledgement
    scorer = bayes.scorer()
    bayes.publish(0, 1, SPAM)
    bayes.publish(0, 2, HAM)
    scorer.poll(0)
    bayes.beat(0, 1)
    scorer.poll(0)

    assert scorer.scores(PROBE).scores.tobytes() == bayes.expected(HAM).tobytes()
    assert out(scorer) == (1,)


# -- tokens


@pytest.mark.parametrize("by", ["heartbeat", "manifest"])
def test_a_higher_counter_stops_the_older_owners_manifest_at_once(
    settled: tuple[ResultsHarness, Scorer], by: str
) -> None:
    harness, scorer = settled

    if by == "heartbeat":
        harness.beat(0, 1, counter=2)
    else:
        harness.publish(0, 1, HAM, counter=2, applied=10)
    scorer.poll(0)

    assert out(scorer) == (0,)
    harness.beat(0, 1, counter=2)
    scorer.poll(0)
    assert out(scorer) == ((0,) if by == "heartbeat" else ())


def test_a_zombies_manifest_and_heartbeat_change_nothing(settled: tuple[ResultsHarness, Scorer]) -> None:
    harness, scorer = settled
    harness.publish(0, 1, HAM[:1], counter=2, applied=10)
    scorer.poll(0)
    harness.beat(0, 1, counter=2)
    scorer.poll(0)
    before = scorer.scores(PROBE)

    harness.publish(0, 99, HAM, counter=1)
    harness.beat(0, 99, counter=1)
    scorer.poll(0)

    after = scorer.scores(PROBE)
    assert after.scores.tobytes() == before.scores.tobytes()
    assert (after.version, after.left_out) == (before.version, ())


def test_a_zombies_manifest_that_compaction_left_alone_is_not_served(bayes: ResultsHarness) -> None:
    # given the newer owner's manifest is gone, its heartbeats are not
    bayes.beat(0, 1, counter=2)
    bayes.publish(0, 9, HAM, counter=1)
    scorer = bayes.scorer()
    scorer.poll(0)
    bayes.beat(0, 9, counter=1)
    scorer.poll(0)

    assert out(scorer) == (0, 1)


def test_applied_never_goes_down(settled: tuple[ResultsHarness, Scorer]) -> None:
    harness, scorer = settled
    harness.publish(0, 5, HAM, applied=9)
    scorer.poll(0)

    assert "goes back from 10 applied to 9" in scorer.problems[0]
    assert out(scorer) == ()
    assert scorer.version == 1

    # then not under a new owner either, and not after the lease
    harness.publish(0, 1, HAM, counter=2, applied=9)
    scorer.poll(0)
    harness.beat(0, 1, counter=2)
    harness.now += 2 * LEASE
    scorer.poll(0)
    harness.beat(0, 1, counter=2)
    scorer.poll(0)
    assert 0 in out(scorer)

    harness.publish(0, 2, HAM, counter=2, applied=10)
    scorer.poll(0)
    assert scorer.problems == {}
    assert 0 not in out(scorer)


# -- artefacts


@pytest.mark.parametrize(
    "how",
    ["truncated", "longer", "flipped", "pickle", "missing", "empty", "pipe", "link", "loop", "folder", "a terabyte"],
)
def test_a_harmed_artefact_is_refused_and_the_leased_version_kept(harness: ResultsHarness, how: str) -> None:
    scorer = harness.scorer()
    harness.both(scorer)
    before = scorer.scores(PROBE)
    harness.publish(0, 2, HAM[:1])
    harness.corrupt(how)

    scorer.poll(0)

    answer = scorer.scores(PROBE)
    assert answer.scores.tobytes() == before.scores.tobytes()
    assert (answer.version, answer.left_out) == (before.version, ())
    assert "refused" in scorer.problems[0]

    # then its heartbeats don't vouch for the older version, which ends with its lease
    harness.now += 10
    scorer.poll(0)
    harness.beat(0, 2)
    scorer.poll(0)
    harness.now += LEASE - 10
    assert 0 in out(scorer)

    # and whole again, it is served
    for path in harness.folder.rglob("state/*"):
        if path.is_dir():
            path.rmdir()
    harness.publish(0, 2, HAM[:1])
    scorer.poll(0)
    assert scorer.problems == {}
    assert 0 not in out(scorer)


def test_a_pickle_with_a_fitting_digest_is_not_loaded(bayes: ResultsHarness) -> None:
    data = pickle.dumps(Bomb())
    name = artefact_name(Artefact(0, 0, "state", 5, 5), "1-1", data)
    bayes.store.put(name, data)
    fitting = {"file": name, "size": len(data), "digest": hashlib.sha256(data).hexdigest()}
    bayes.send(bayes.manifest(0, 1, [bayes.entry(0, 0, HAM, **fitting), *bayes.without_rows(0, 1)]))
    scorer = bayes.scorer()

    scorer.poll(0)

    assert "can't be used" in scorer.problems[0]
    assert out(scorer) == (0, 1)


def test_one_harmed_shard_refuses_its_partitions_whole_manifest(settled: tuple[ResultsHarness, Scorer]) -> None:
    harness, scorer = settled
    before = scorer.scores(PROBE).scores.tobytes()
    good, bad = harness.entry(0, 0, HAM[:1]), harness.entry(0, 1, HAM[1:])
    (harness.folder / bad.file).unlink()

    harness.send(harness.manifest(0, 2, [good, bad]))
    scorer.poll(0)

    assert scorer.scores(PROBE).scores.tobytes() == before


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"identity": "2" * 64}, "other settings"),
        ({"learner": "linear"}, "its learner is linear"),
        ({"signature": "x"}, "signature"),
    ],
)
def test_a_foreign_manifest_is_refused(
    settled: tuple[ResultsHarness, Scorer], changed: dict[str, Any], reason: str
) -> None:
    harness, scorer = settled
    before = list(harness.store.fetched)

    harness.publish(0, 2, HAM[:1], **changed)
    scorer.poll(0)

    assert reason in scorer.problems[0]
    assert (scorer.version, out(scorer)) == (1, ())
    assert harness.store.fetched == before


def test_what_is_not_believed_is_the_reason_where_nothing_else_is_there(bayes: ResultsHarness) -> None:
    bayes.log.append("demo.results", 0, b"demo/0", b"no manifest", ())
    bayes.publish(1, 1, SPAM)
    scorer = bayes.scorer()

    scorer.poll(0)

    assert scorer.problems == {0: "what stands at 0 is not believed: it is no manifest"}
    with pytest.raises(NotEnough, match=r"0 \(what stands at 0 is not believed: it is no manifest\)"):
        scorer.scores(PROBE)


def test_an_identity_that_was_given_binds_the_first_manifest_too(bayes: ResultsHarness) -> None:
    scorer = bayes.scorer(identity="2" * 64)
    bayes.publish(0, 1, HAM)
    bayes.publish(1, 1, HAM, identity="2" * 64)

    scorer.poll(0)

    assert "other settings" in scorer.problems[0]
    assert list(scorer.problems) == [0]


def test_a_state_of_another_learner_is_refused(bayes: ResultsHarness, tmp_path: Path) -> None:
    other = ResultsHarness(tmp_path, "linear").entry(0, 0, HAM)
    scorer = bayes.scorer()

    bayes.send(bayes.manifest(0, 1, [other, *bayes.without_rows(0, 1)]))
    scorer.poll(0)

    assert "another learner" in scorer.problems[0]


def test_nothing_is_fetched_before_the_topics_end(bayes: ResultsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a topic whose older manifests name files that are gone, read in two steps
    bayes.publish(0, 1, SPAM)
    bayes.corrupt("missing")
    bayes.publish(0, 2, HAM)
    scorer = bayes.scorer()
    end = MemoryTail.end
    monkeypatch.setattr(MemoryTail, "end", lambda tail: end(tail) + 1)
    assert not scorer.poll(0)
    assert bayes.store.fetched == []

    monkeypatch.undo()
    assert scorer.poll(0)

    assert scorer.problems == {}
    assert len(bayes.store.fetched) == 1


# -- the results topic


def test_a_topic_made_again_is_read_again_and_older_owners_stay_refused(
    settled: tuple[ResultsHarness, Scorer],
) -> None:
    harness, scorer = settled
    harness.publish(0, 1, HAM, counter=7, applied=10)
    scorer.poll(0)
    harness.log.delete_topic("demo.results")
    with pytest.raises(TopicMissing):
        scorer.poll(0)
    harness.log.create_topic("demo.results", 1)
    for partition in (0, 1):
        harness.publish(partition, 2, HAM)
    harness.now += 5
    assert not scorer.poll(0)

    # when the scorer follows the new one
    scorer.poll(0)
    for partition in (0, 1):
        harness.beat(partition, 2)
    scorer.poll(0)

    assert out(scorer) == (0,)
    assert scorer.scores(PROBE).scores.tobytes() == harness.expected(HAM).tobytes()


def test_a_topic_made_again_with_as_many_records_is_noticed(settled: tuple[ResultsHarness, Scorer]) -> None:
    harness, scorer = settled
    harness.log.delete_topic("demo.results")
    harness.log.create_topic("demo.results", 1)
    for sequence in (2, 3, 4, 5):
        harness.publish(0, sequence, HAM[:1])
    # as a broker's tail, which reads on by offset alone
    scorer._follower._tail._id = harness.log.topic_id("demo.results")  # type: ignore[attr-defined]

    harness.now += 5
    scorer.poll(0)
    scorer.poll(0)

    assert scorer.version == 3


# -- quorum and one-shot


def test_by_default_every_partition_is_needed_for_an_answer(tmp_path: Path) -> None:
    harness = ResultsHarness(tmp_path, "naive-bayes")
    scorer = harness.scorer()
    harness.both(scorer)
    scorer.scores(PROBE)

    harness.beat(0, 1, counter=2)
    scorer.poll(0)

    with pytest.raises(NotEnough, match=r"1 of 2 .* the quorum is 2; left out: 0 \(its owner was replaced\)"):
        scorer.predict(PROBE)
    with pytest.raises(NotEnough):
        scorer.once(0)


def test_less_than_the_quorum_is_an_error_that_says_what_is_missing(tmp_path: Path) -> None:
    harness = ResultsHarness(tmp_path, "naive-bayes", quorum=0.6)
    scorer = harness.scorer()
    harness.both(scorer)
    scorer.scores(PROBE)
    harness.now += 10
    scorer.poll(0)
    harness.beat(1, 1)
    scorer.poll(0)
    harness.now += LEASE - 10

    with pytest.raises(NotEnough, match="1 of 2 partitions can be served, the quorum is 2") as error:
        scorer.scores(PROBE)
    assert error.value.left_out == (0,)
    assert error.value.exit_code == 75
    assert out(scorer) == (0,)


@pytest.mark.parametrize("quorum", [0.0, 0.5, 1.0])
def test_without_any_manifest_there_is_no_answer_whatever_the_quorum(tmp_path: Path, quorum: float) -> None:
    scorer = ResultsHarness(tmp_path, "naive-bayes", quorum=quorum).scorer()

    with pytest.raises(NotEnough, match="no manifest of it is there"):
        scorer.scores(PROBE)
    scorer.poll(0)
    with pytest.raises(NotEnough, match="no manifest of it is there"):
        scorer.predict(PROBE)
    with pytest.raises(NotEnough, match="no manifest of it is there"):
        scorer.once(0)
    assert (scorer.version, out(scorer)) == (None, (0, 1))


@pytest.mark.parametrize("status", ["left-out", "behind", "withdrawn"])
def test_a_model_that_has_rows_and_no_state_of_them_yet_has_no_answer(harness: ResultsHarness, status: str) -> None:
    without = harness.entry(0, 0, [], status=status)
    harness.send(harness.manifest(0, 1, [without, *harness.without_rows(0, 1)]))
    harness.publish(1, 1, [])

    with pytest.raises(NotEnough, match="no shard that can be served has a state"):
        harness.scorer().once(0)

    harness.publish(1, 2, SPAM)
    assert harness.scorer().once(0).scores(PROBE).scores.tobytes() == harness.expected(SPAM).tobytes()


def test_partitions_without_rows_dont_stand_in_for_those_left_out(bayes: ResultsHarness) -> None:
    bayes.publish(0, 1, [])

    with pytest.raises(NotEnough, match="no shard"):
        bayes.scorer().once(0)


def _append_events_up_to(harness: ResultsHarness, partition: int, end: int) -> None:
    for _ in range(end - harness.log.bounds("demo.events")[partition][1]):
        harness.log.append("demo.events", partition, None, None, ())


@pytest.mark.parametrize("learner", ["naive-bayes", "linear"])
def test_one_shot_counts_a_partition_whose_manifest_covers_the_log(tmp_path: Path, learner: LearnerName) -> None:
    # given no heartbeat at all, and one event in partition 1 that no manifest covers
    harness = ResultsHarness(tmp_path, learner, quorum=0.5)
    harness.publish(0, 1, HAM)
    harness.publish(1, 1, SPAM)
    _append_events_up_to(harness, 0, 10)
    _append_events_up_to(harness, 1, 11)

    served = harness.scorer().once(0)

    assert served.left_out == (1,)
    assert served.version == 1
    assert served.scores(PROBE).scores.tobytes() == harness.expected(HAM).tobytes()


def test_one_shot_leaves_out_an_owner_that_was_replaced(bayes: ResultsHarness) -> None:
    bayes.publish(0, 1, HAM)
    bayes.publish(1, 1, SPAM)
    bayes.beat(0, 1, counter=2)

    assert bayes.scorer().once(0).left_out == (0,)


def test_one_shot_waits_for_the_manifest_that_covers_the_log(bayes: ResultsHarness) -> None:
    bayes.publish(0, 1, HAM)
    bayes.publish(1, 1, SPAM)
    _append_events_up_to(bayes, 1, 20)
    scorer = bayes.scorer()
    late = threading.Timer(0.1, lambda: bayes.publish(1, 2, SPAM[:1]))
    late.start()

    served = scorer.once(60)

    late.join()
    assert served.left_out == ()
    assert served.scores(PROBE).scores.tobytes() == bayes.expected(HAM, SPAM[:1]).tobytes()


def test_one_shot_waits_for_a_shard_that_is_trained(bayes: ResultsHarness) -> None:
    untrained = bayes.entry(0, 0, [], status="behind")
    bayes.send(bayes.manifest(0, 1, [untrained, *bayes.without_rows(0, 1)]))
    bayes.publish(1, 1, [])
    late = threading.Timer(0.1, lambda: bayes.publish(1, 2, SPAM))
    late.start()

    served = bayes.scorer().once(60)

    late.join()
    assert served.scores(PROBE).scores.tobytes() == bayes.expected(SPAM).tobytes()


def test_one_shot_is_told_at_once_that_it_may_not_read(bayes: ResultsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    bayes.publish(0, 1, HAM)
    monkeypatch.setattr(MemoryTail, "trouble", LogDenied("no right to read"))
    monkeypatch.setattr(MemoryTail, "poll", lambda *_: [])

    with pytest.raises(LogDenied, match="no right to read"):
        bayes.scorer().once(600)


def test_one_shot_respects_the_quorum_and_the_partition_count(tmp_path: Path) -> None:
    harness = ResultsHarness(tmp_path, "naive-bayes")
    harness.publish(0, 1, HAM)
    harness.publish(1, 1, SPAM)
    _append_events_up_to(harness, 1, 11)
    with pytest.raises(NotEnough, match=r"left out: 1 \(its manifest does not cover the log's end\)"):
        harness.scorer().once(0)

    harness.log.delete_topic("demo.events")
    harness.log.create_topic("demo.events", 1)
    with pytest.raises(Refused, match="UNLEARN_PARTITIONS"):
        harness.scorer().once(0)


# -- threads


def test_swaps_are_atomic_under_scoring(bayes: ResultsHarness) -> None:
    # given versions that differ in both partitions, and readers that score throughout
    scorer = bayes.scorer()
    bayes.both(scorer)
    first, second = bayes.expected(HAM, SPAM).tobytes(), bayes.expected(*OTHERS).tobytes()
    seen: set[tuple[int | None, bytes]] = set()
    done, failures = threading.Event(), []

    def read() -> None:
        try:
            while not done.is_set():
                answer = scorer.scores(PROBE)
                assert answer.left_out == ()
                seen.add((answer.version, answer.scores.tobytes()))
        except BaseException as error:  # noqa: BLE001  it is shown by the main thread
            failures.append(error)

    readers = [threading.Thread(target=read, daemon=True) for _ in range(3)]
    for reader in readers:
        reader.start()
    versions = {1: first}
    for sequence in range(2, 42):
        rows = OTHERS if sequence % 2 == 0 else (HAM, SPAM)
        for partition in (0, 1):
            version = bayes.publish(partition, sequence, rows[partition])
        versions[version] = second if sequence % 2 == 0 else first
        scorer.poll(0)
    done.set()
    for reader in readers:
        reader.join(120)
        assert not reader.is_alive()

    assert not failures
    assert seen <= set(versions.items())
    assert len({version for version, _ in seen}) > 1


def test_a_thread_follows_until_it_is_closed(tmp_path: Path) -> None:
    harness = ResultsHarness(tmp_path, "naive-bayes")
    harness.publish(0, 1, HAM)
    harness.publish(1, 1, SPAM)
    with Scorer(harness.settings, harness.log, harness.store, of_settings(harness.settings)).start() as scorer:
        until(lambda: scorer.version is not None, 60, "a version")
        for partition in (0, 1):
            harness.beat(partition, 1)
        assert scorer.wait(30)
        assert scorer.scores(PROBE).scores.tobytes() == harness.expected(HAM, SPAM).tobytes()
    scorer.close()


def test_a_thread_outlives_an_outage(bayes: ResultsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    end, asked = MemoryTail.end, threading.Event()

    def down_once(tail: MemoryTail) -> int:
        if not asked.is_set():
            asked.set()
            raise LogUnavailable("down")
        return end(tail)

    monkeypatch.setattr(MemoryTail, "end", down_once)
    bayes.publish(0, 1, HAM)
    with bayes.scorer().start() as scorer:
        until(lambda: scorer.version is not None, 60, "a version")
    assert asked.is_set()


def test_a_store_that_fails_for_a_while_is_asked_again(bayes: ResultsHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> bytes:
        raise StoreUnavailable("the store is away")

    bayes.publish(0, 1, HAM)
    scorer = bayes.scorer()
    monkeypatch.setattr(CountingStore, "get", down)
    scorer.poll(0)
    assert "the store is away" in scorer.problems[0]

    monkeypatch.undo()
    scorer.poll(0)
    assert (scorer.problems, scorer.version) == ({}, 0)


def test_a_scorer_needs_its_topic(bayes: ResultsHarness) -> None:
    bayes.log.delete_topic("demo.results")

    with pytest.raises(TopicMissing):
        bayes.scorer()


@pytest.mark.parametrize("given", ["win cash now", ["a", None], [b"a"], b"a"], ids=repr)
def test_what_is_no_list_of_texts_has_no_answer(harness: ResultsHarness, given: Any) -> None:
    """A text alone would be scored letter by letter."""
    scorer = harness.scorer()
    harness.both(scorer)

    with pytest.raises(BadRows, match="give a list of texts"):
        scorer.scores(given)

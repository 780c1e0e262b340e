from __future__ import annotations

from dataclasses import replace

import pytest

from tests.harness.settings import SECRET
from unlearn.admin import topics
from unlearn.log.kafka.packing.packed_batches import BatchSizes
from unlearn.log.memory.log import MemoryLog
from unlearn.log.protocol import TopicSpec
from unlearn.settings import Settings

GOOD = "as it should be"


def settings(**more: object) -> Settings:
    return Settings.model_validate({"model": "spam", "secret": SECRET} | more)


def test_a_model_has_five_topics_with_their_settings() -> None:
    made = topics.wanted(settings(partitions=7))
    events, results, receipts, dead, history = made
    assert [(t.name, t.partitions) for t in made] == [
        ("spam.events", 7),
        ("spam.results", 1),
        ("spam.receipts", 1),
        ("spam.dead-letters", 1),
        ("spam.history", 1),
    ]
    assert [t.config["cleanup.policy"] for t in made] == ["delete", "compact", "delete", "delete", "delete"]
    for topic in made:
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
        assert topic.config["unclean.leader.election.enable"] == "false"
    assert [t.config["retention.ms"] for t in (events, receipts, dead)] == ["-1", "63072000000", "5184000000"]
    assert history.config["retention.ms"] == "63072000000"
    assert topics.wanted(settings(keep_history=86400))[4].config["retention.ms"] == "86400000"
    assert (results.config["segment.ms"], results.config["max.compaction.lag.ms"]) == ("600000", "3600000")


@pytest.mark.parametrize(("keep", "forget", "kept"), [(10, 4, 10), (10, 6, 12), (0.0015, 0.0001, 0.002)])
def test_receipts_stay_as_long_as_wanted_and_past_any_deadline(keep: float, forget: float, kept: float) -> None:
    given = settings(keep_receipts=keep, forget_within=forget)
    assert topics.wanted(given)[2].config["retention.ms"] == str(round(kept * 1000))


@pytest.mark.parametrize("request_timeout", [1.0, 30.0, 3600.0])
@pytest.mark.parametrize("lease", [20.0, 5000.0])
def test_nothing_is_compacted_while_a_late_send_or_a_lease_can_need_it(request_timeout: float, lease: float) -> None:
    given = settings(kafka={"request_timeout": request_timeout}, lease=lease)
    config = topics.wanted(given)[1].config
    lag = int(config["min.compaction.lag.ms"])
    assert lag > 1000 * (2 * request_timeout + lease)
    assert lag <= int(config["max.compaction.lag.ms"])


def test_create_makes_what_is_missing_and_repeats_safely() -> None:
    log, given = MemoryLog(), settings()
    log.create_topic("spam.receipts", 1)
    first, second = topics.create(log, given), topics.create(log, given)
    assert first.made == ["spam.events", "spam.results", "spam.dead-letters", "spam.history"]
    assert first.there == ["spam.receipts"]
    assert second.made == []
    assert all("spam.receipts" in problem for problem in topics.check(log, given))


def test_topics_just_made_are_as_they_should_be() -> None:
    log, given = MemoryLog(), settings()
    topics.create(log, given)
    assert topics.check(log, given) == []


def test_each_missing_topic_is_named_with_what_to_do() -> None:
    found = topics.check(MemoryLog(), settings())
    assert len(found) == 5
    assert all("unlearn topics create" in problem for problem in found)


@pytest.mark.parametrize(
    ("place", "name", "value", "said"),
    [
        (0, "cleanup.policy", "compact", "should be delete"),
        (0, "message.timestamp.type", "CreateTime", "should be LogAppendTime"),
        (0, "unclean.leader.election.enable", "true", "should be false"),
        (0, "max.message.bytes", "1000000", "should be at least 2097152"),
        (0, "max.message.bytes", "9000000", GOOD),
        (0, "retention.ms", "86400000", GOOD),
        (1, "cleanup.policy", "compact,delete", "should be compact"),
        (1, "segment.ms", "600001", "should be at most 600000"),
        (1, "segment.ms", "1000", GOOD),
        (1, "max.compaction.lag.ms", "9223372036854775807", "should be at most 3600000"),
        (1, "min.compaction.lag.ms", "0", "should be at least 160000"),
    ],
)
def test_a_setting_that_differs_is_judged_by_its_kind(place: int, name: str, value: str, said: str) -> None:
    spec = topics.wanted(settings())[place]
    found = topics.problems(spec, TopicSpec(spec.name, spec.partitions, {**spec.config, name: value}))
    assert (found == []) == (said == GOOD)
    assert said == GOOD or (said in found[0] and "kafka-configs.sh" in found[0])


@pytest.mark.parametrize("place", [2, 3])
@pytest.mark.parametrize(("size", "suffices"), [("60000", True), ("59999", False)])
def test_topics_of_an_earlier_release_take_each_receipt_and_dead_letter(place: int, size: str, suffices: bool) -> None:
    log, given = MemoryLog(), settings()
    spec = topics.wanted(given)[place]
    log.create(replace(spec, config={**spec.config, "max.message.bytes": size}))
    topics.create(log, given)

    assert (topics.check(log, given) == []) == suffices


def test_new_topics_take_batches_as_large_as_they_are_sent() -> None:
    events, _, receipts, dead_letters, _ = topics.wanted(settings())

    for spec in (events, receipts, dead_letters):
        assert int(spec.config["max.message.bytes"]) >= BatchSizes().most(spec.name)


def test_a_setting_the_cluster_does_not_tell_is_a_problem() -> None:
    spec = topics.wanted(settings())[0]
    assert len(topics.problems(spec, TopicSpec(spec.name, spec.partitions))) == len(spec.config)


def test_fewer_partitions_than_the_settings_is_a_problem_and_more_is_not() -> None:
    spec = topics.wanted(settings(partitions=4))[0]
    [problem] = topics.problems(spec, TopicSpec(spec.name, 2, spec.config))
    assert "2 partitions" in problem
    assert "UNLEARN_PARTITIONS=2" in problem
    assert topics.problems(spec, TopicSpec(spec.name, 6, spec.config)) == []


def test_results_have_a_single_partition() -> None:
    spec = topics.wanted(settings())[1]
    [problem] = topics.problems(spec, TopicSpec(spec.name, 2, spec.config))
    assert "single" in problem


class Cluster(MemoryLog):
    """Of several brokers, in what it tells."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count

    def brokers(self) -> int:
        return self._count


@pytest.mark.parametrize(("brokers", "replicas", "insync"), [(1, 1, "1"), (2, 2, "2"), (3, 3, "2"), (7, 3, "2")])
def test_topics_are_made_with_as_many_replicas_as_there_are_brokers_up_to_three(
    brokers: int, replicas: int, insync: str
) -> None:
    log = Cluster(brokers)
    topics.create(log, settings())
    made = [log.topic(f"spam.{name}") for name in ("events", "results", "receipts", "dead-letters", "history")]
    assert [spec and (spec.replicas, spec.config["min.insync.replicas"]) for spec in made] == [(replicas, insync)] * 5
    assert topics.check(log, settings()) == []


@pytest.mark.parametrize(
    ("brokers", "replicas", "insync", "said"),
    [
        (1, 1, "1", []),
        (1, 1, "2", ["so nothing can be sent"]),
        (2, 1, "1", ["replication factor 1, should be 2", "min.insync.replicas=1, should be at least 2"]),
        (3, 1, "1", ["replication factor 1, should be 3", "min.insync.replicas=1, should be at least 2"]),
        (3, 1, "2", ["replication factor 1, should be 3"]),
        (3, 2, "1", ["min.insync.replicas=1, should be at least 2"]),
        (3, 3, "1", ["min.insync.replicas=1, should be at least 2"]),
        (3, 2, "3", ["so nothing can be sent"]),
        (3, 2, "2", []),
        (3, 3, "3", []),
        (5, 5, "4", []),
    ],
)
def test_a_topic_that_one_broker_can_lose_is_a_problem_where_there_are_several(
    brokers: int, replicas: int, insync: str, said: list[str]
) -> None:
    for spec in topics.wanted(settings(), brokers):
        found = TopicSpec(spec.name, spec.partitions, {**spec.config, "min.insync.replicas": insync}, replicas)
        problems = topics.problems(spec, found)
        assert [words in problem for words, problem in zip(said, problems, strict=True)] == [True] * len(said)
        assert all("kafka-" in problem for problem in problems)


@pytest.mark.parametrize(
    ("topic", "name", "value", "said"),
    [
        ("events", "retention.ms", "86400000", GOOD),
        ("events", "retention.ms", "-1", GOOD),
        ("events", "retention.ms", "86399999", "should be at least 86400000"),
        ("events", "retention.bytes", "1073741824", "should be -1"),
        ("receipts", "retention.ms", "63072000000", GOOD),
        ("receipts", "retention.ms", "-1", GOOD),
        ("receipts", "retention.ms", "63071999999", "should be at least 63072000000"),
        ("history", "retention.ms", "63072000000", GOOD),
        ("history", "retention.ms", "63071999999", "should be at least 63072000000"),
        ("dead-letters", "retention.ms", "2592000000", GOOD),
        ("dead-letters", "retention.ms", "604800000", "should be at least 2592000000"),
        ("dead-letters", "retention.bytes", "1", "should be -1"),
    ],
)
def test_what_is_kept_too_short_is_a_problem(topic: str, name: str, value: str, said: str) -> None:
    log = MemoryLog()
    for spec in topics.wanted(settings()):
        changed = {name: value} if spec.name == f"spam.{topic}" else {}
        log.create(replace(spec, config={**spec.config, **changed}))
    found = topics.check(log, settings())
    assert (found == []) == (said == GOOD)
    assert said == GOOD or (len(found) == 1 and said in found[0] and "kafka-configs.sh" in found[0])

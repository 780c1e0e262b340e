from __future__ import annotations

import pytest

from processor import topics
from processor.log.memory import MemoryLog
from processor.log.protocol import TopicSpec
from processor.settings import Settings

GOOD = "as it should be"


def settings(**more: object) -> Settings:
    return Settings.model_validate({"model": "spam", "secret": "a secret of the tests, 32 bytes.."} | more)


def test_a_model_has_four_topics_with_their_settings() -> None:
    events, results, receipts, dead = topics.wanted(settings(partitions=7))
    assert [(t.name, t.partitions) for t in (events, results, receipts, dead)] == [
        ("spam.events", 7),
        ("spam.results", 1),
        ("spam.receipts", 1),
        ("spam.dead-letters", 1),
    ]
    assert [t.config["cleanup.policy"] for t in (events, results, receipts, dead)] == [
        "delete",
        "compact",
        "delete",
        "delete",
    ]
    for topic in (events, results, receipts, dead):
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
        assert topic.config["unclean.leader.election.enable"] == "false"
    assert events.config["retention.ms"] == "-1"
    assert (results.config["segment.ms"], results.config["max.compaction.lag.ms"]) == ("600000", "3600000")


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
    assert first.made == ["spam.events", "spam.results", "spam.dead-letters"]
    assert first.there == ["spam.receipts"]
    assert second.made == []
    assert all("spam.receipts" in problem for problem in topics.check(log, given))


def test_topics_just_made_are_as_they_should_be() -> None:
    log, given = MemoryLog(), settings()
    topics.create(log, given)
    assert topics.check(log, given) == []


def test_each_missing_topic_is_named_with_what_to_do() -> None:
    found = topics.check(MemoryLog(), settings())
    assert len(found) == 4
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

"""The model's five topics: how they should be, how they are made, and what is wrong with those that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from typing import NamedTuple

from unlearn.log.protocol import Log, TopicSpec, delivery_timeout
from unlearn.settings import Settings

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000  # ms
LARGEST_EVENT = 2 * 1024 * 1024  # bytes; 100,000 characters of text are at most 600,000 in JSON
LARGEST_MANIFEST = 4 * 1024 * 1024  # bytes; 1,024 shards
LARGEST_VERSION = 128 * 1024  # bytes; of the history, 1,024 shards
LARGEST_NOTES = 1024 * 1024  # bytes; a batch of receipts or dead letters: Kafka's own default
LARGEST_NOTE = 60_000  # bytes; a single one
SAME_EVERYWHERE = {"message.timestamp.type": "LogAppendTime", "unclean.leader.election.enable": "false"}
AT_LEAST = {"max.message.bytes", "min.compaction.lag.ms", "retention.ms", "min.insync.replicas"}
AT_MOST = {"segment.ms", "max.compaction.lag.ms"}
MOST_REPLICAS = 3
"""Replicas of a topic that is made here. Where there are fewer brokers it gets one on each; its owner may add more."""


class Created(NamedTuple):
    """The names of the topics that were made, and of those that were there already."""

    made: list[str]
    there: list[str]


def wanted(settings: Settings, brokers: int = 1) -> list[TopicSpec]:
    """The five topics as they are made on so many brokers: events, results, receipts, dead letters, history.

    In this order. Pure.
    """
    replicas, insync = min(brokers, MOST_REPLICAS), {"min.insync.replicas": str(min(brokers, 2))}
    letters = ceil(2000 * settings.forget_within)
    answers = max(letters, ceil(1000 * settings.keep_receipts))
    return [
        TopicSpec(settings.events_topic, settings.partitions, _kept(-1, LARGEST_EVENT) | insync, replicas),
        TopicSpec(settings.results_topic, 1, _compacted(settings) | insync, replicas),
        TopicSpec(settings.receipts_topic, 1, _kept(answers, LARGEST_NOTES) | insync, replicas),
        TopicSpec(settings.dead_letters_topic, 1, _kept(letters, LARGEST_NOTES) | insync, replicas),
        TopicSpec(
            settings.history_topic, 1, _kept(ceil(1000 * settings.keep_history), LARGEST_VERSION) | insync, replicas
        ),
    ]


def create(log: Log, settings: Settings) -> Created:
    """Make the topics that are missing. Those that are there stay as they are; `check` judges them."""
    made: list[str] = []
    there: list[str] = []
    for spec in wanted(settings, log.brokers()):
        (made if log.create(spec) else there).append(spec.name)
    return Created(made, there)


def check(log: Log, settings: Settings) -> list[str]:
    """What is wrong with the topics that are there, a sentence each with what to do; [] when all is well."""
    needed = [_suffices(spec, settings) for spec in wanted(settings, log.brokers())]
    return [problem for spec in needed for problem in problems(spec, log.topic(spec.name))]


def _suffices(spec: TopicSpec, settings: Settings) -> TopicSpec:
    """The least that a topic must have which is there already; it may be made with more.

    How long records are kept before they are deleted by age is up to the topic's owner. But events must stay for a
    day, for workers that were away, dead letters until a deletion's deadline, receipts and history as long as the
    settings say. Receipts and dead letters may be sent in smaller batches.
    """
    if spec.name in (settings.receipts_topic, settings.dead_letters_topic):
        spec = replace(spec, config={**spec.config, "max.message.bytes": str(LARGEST_NOTE)})
    if spec.config["cleanup.policy"] != "delete" or spec.name in (settings.receipts_topic, settings.history_topic):
        return spec
    kept = DAY if spec.name == settings.events_topic else ceil(1000 * settings.forget_within)
    return replace(spec, config={**spec.config, "retention.ms": str(kept)})


def problems(spec: TopicSpec, found: TopicSpec | None) -> list[str]:
    """How a topic differs from what it should be, a sentence each.

    More partitions of events than wanted are no problem: their events are only sent on.
    """
    if found is None:
        return [f"topic {spec.name} is missing: `unlearn topics create` makes it"]
    wrong = [name for name in spec.config if not _suits(name, spec.config[name], found.config.get(name))]
    differing = [_config_problem(spec, found, name) for name in wrong]
    return [*_partition_problems(spec, found), *_replica_problems(spec, found), *differing]


def _replica_problems(spec: TopicSpec, found: TopicSpec) -> list[str]:
    """What is wrong with the number of replicas. With two, no record is lost with one disk; with three, events are
    still taken while one replica is away."""
    if found.replicas is None or spec.replicas is None:
        return []
    has = f"topic {spec.name} has replication factor {found.replicas}"
    if found.replicas < min(spec.replicas, 2):
        remedy = "add replicas to each partition by a plan for kafka-reassign-partitions.sh --execute"
        return [f"{has}, should be {spec.replicas}: what one broker alone holds is lost with its disk; {remedy}"]
    insync = found.config.get("min.insync.replicas", "1")
    if int(insync) > found.replicas:
        remedy = _alter(spec.name, "min.insync.replicas", str(min(found.replicas, 2)))
        return [f"{has}, but min.insync.replicas={insync}, so nothing can be sent: {remedy}"]
    return []


def _partition_problems(spec: TopicSpec, found: TopicSpec) -> list[str]:
    has = f"topic {spec.name} has {found.partitions} partitions"
    if found.partitions < spec.partitions:
        return [_too_few(spec, found, has)]
    if found.partitions > spec.partitions and spec.config.get("cleanup.policy") == "compact":
        remedy = "delete it and run `unlearn topics create`, or name another by UNLEARN_TOPICS__RESULTS"
        return [f"{has}, but its order needs a single one: {remedy}"]
    return []


def _too_few(spec: TopicSpec, found: TopicSpec, has: str) -> str:
    return (
        f"{has}, fewer than the settings' {spec.partitions}: add partitions "
        f"(kafka-topics.sh --alter --topic {spec.name} --partitions {spec.partitions}), "
        f"or for a new model set UNLEARN_PARTITIONS={found.partitions}"
    )


def _config_problem(spec: TopicSpec, found: TopicSpec, name: str) -> str:
    bound = "at least " if name in AT_LEAST else "at most " if name in AT_MOST else ""
    value = spec.config[name]
    return (
        f"topic {spec.name} has {name}={found.config.get(name, 'unknown')}, should be {bound}{value}: "
        f"{_alter(spec.name, name, value)}"
    )


def _alter(topic: str, name: str, value: str) -> str:
    return f"kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {name}={value}"


def _suits(name: str, value: str, found: str | None) -> bool:
    if found is None:
        return False
    if name == "retention.ms" and int(found) < 0:
        return True  # kept for ever
    compare: Mapping[str, Callable[[], bool]] = {
        **dict.fromkeys(AT_LEAST, lambda: int(found) >= int(value)),
        **dict.fromkeys(AT_MOST, lambda: int(found) <= int(value)),
    }
    return compare.get(name, lambda: found == value)()


def _kept(retention_ms: int, largest: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "retention.bytes": "-1",  # a limit by size could delete events that nobody has applied yet
        "max.message.bytes": str(largest),
        **SAME_EVERYWHERE,
    }


def _compacted(settings: Settings) -> dict[str, str]:
    """How the results topic is configured.

    Compaction keeps only the last manifest of a partition, and an earlier owner's may arrive late and be the last. So
    nothing is compacted while a late send may still arrive or a scorer may still serve the older one.
    """
    late = delivery_timeout(settings.kafka.request_timeout) + settings.lease
    lag = ceil(2 * late * 1000)
    return {
        "cleanup.policy": "compact",
        "segment.ms": str(10 * MINUTE),
        "min.compaction.lag.ms": str(lag),
        "max.compaction.lag.ms": str(max(HOUR, 2 * lag)),
        "max.message.bytes": str(LARGEST_MANIFEST),
        **SAME_EVERYWHERE,
    }

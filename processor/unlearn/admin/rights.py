"""What each kind of user must be allowed on Kafka, and no more; as ACLs, and as Strimzi's resources. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

from unlearn.log.protocol import TopicSpec
from unlearn.settings import Settings

__all__ = ["ROLES", "Right", "Role", "as_acls", "as_strimzi", "rights_of"]

Role = Literal["worker", "sender", "scorer", "operator", "creator"]
ROLES: Final[tuple[Role, ...]] = ("worker", "sender", "scorer", "operator", "creator")
_API: Final = "kafka.strimzi.io/v1"
"""Strimzi serves it from 0.49 on, and from 1.0 on nothing else."""


class Right(NamedTuple):
    """Operations on one resource, called as Kafka calls them."""

    kind: Literal["topic", "group"]
    name: str
    operations: tuple[str, ...]


def rights_of(role: Role, settings: Settings) -> list[Right]:
    """All that a user in this role needs.

    worker: `unlearn work`. sender: producers, `unlearn.Client`, `unlearn send`, `forget` and `gateway`. scorer:
    `Scorer`, `unlearn serve` and `score`. operator: whatever only looks: `console`, `status`, `verify`, `answer`,
    `versions`. creator: `unlearn topics create`, as before an installation of the chart.
    """
    events, results, receipts = settings.events_topic, settings.results_topic, settings.receipts_topic
    letters, history = settings.dead_letters_topic, settings.history_topic
    known = ("Describe", "DescribeConfigs")
    if role == "worker":
        topics = {
            events: ("Read", "Write", *known),
            results: ("Read", "Write", *known),
            **dict.fromkeys((receipts, letters, history), ("Write", *known)),
        }
        return [*_on_topics(topics), Right("group", settings.group_id, ("Read",))]
    if role == "sender":
        return list(_on_topics({events: ("Read", "Write", *known), receipts: ("Read", "Write", *known)}))
    if role == "scorer":
        return list(_on_topics({events: ("Describe",), results: ("Read", "Describe")}))
    which = "Create" if role == "creator" else "Read"
    return list(_on_topics(dict.fromkeys((events, results, receipts, letters, history), (which, *known))))


def as_acls(settings: Settings, users: Mapping[Role, str]) -> str:
    """The commands that allow these users what they need, a line for each right, for `kafka-acls.sh`."""
    lines = []
    for role, user in users.items():
        lines.append(f"# {role}")
        allow = f'kafka-acls.sh --bootstrap-server "$SERVERS" --add --allow-principal User:{user}'
        for right in rights_of(role, settings):
            operations = " ".join(f"--operation {operation}" for operation in right.operations)
            lines.append(f"{allow} --{right.kind} {right.name} {operations}")
    return "\n".join(lines)


def as_strimzi(settings: Settings, topics: list[TopicSpec], users: Mapping[Role, str], cluster: str) -> str:
    """KafkaTopic and KafkaUser of a cluster that Strimzi runs, a document each, as JSON, which is YAML too."""
    labels = {"strimzi.io/cluster": cluster}
    documents = [_topic(spec, labels) for spec in topics]
    documents += [_user(user, rights_of(role, settings), labels) for role, user in users.items()]
    return "\n".join(f"---\n{json.dumps(document, indent=2)}" for document in documents)


def _on_topics(topics: Mapping[str, tuple[str, ...]]) -> Iterator[Right]:
    return (Right("topic", name, operations) for name, operations in topics.items())


def _topic(spec: TopicSpec, labels: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": _API,
        "kind": "KafkaTopic",
        "metadata": {"name": spec.name.lower().replace("_", "-"), "labels": labels},
        "spec": {
            "topicName": spec.name,
            "partitions": spec.partitions,
            "replicas": spec.replicas,
            "config": dict(spec.config),
        },
    }


def _user(name: str, rights: list[Right], labels: Mapping[str, str]) -> dict[str, Any]:
    acls = [
        {
            "resource": {"type": right.kind, "name": right.name, "patternType": "literal"},
            "operations": list(right.operations),
        }
        for right in rights
    ]
    return {
        "apiVersion": _API,
        "kind": "KafkaUser",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": acls},
        },
    }

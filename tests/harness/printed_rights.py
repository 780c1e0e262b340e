"""ACLs read off what `unlearn topics create --as acls|strimzi` prints; whatever isn't known there is an error."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from unlearn.log.protocol import TopicSpec

__all__ = ["STRIMZI_API", "Allowed", "of_commands", "of_users", "topics_of"]

STRIMZI_API = "kafka.strimzi.io/v1"
"""The only version of Strimzi's API from its release 1.0 on; from its resource definitions come the names below."""
_OPERATIONS = {
    "Read": ACLOperation.READ,
    "Write": ACLOperation.WRITE,
    "Create": ACLOperation.CREATE,
    "Describe": ACLOperation.DESCRIBE,
    "DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS,
}
_KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}


class Allowed(NamedTuple):
    """One operation that a user may do with one resource."""

    user: str
    kind: str
    name: str
    operation: str

    @property
    def acl(self) -> ACL:
        pattern = ResourcePattern(_KINDS[self.kind], self.name)
        return ACL(f"User:{self.user}", "*", _OPERATIONS[self.operation], ACLPermissionType.ALLOW, pattern)


def of_commands(text: str) -> set[Allowed]:
    """Of commands for `kafka-acls.sh`, as a shell splits them."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {allowed for line in lines for allowed in _of_command(shlex.split(line))}


def _of_command(words: list[str]) -> Iterator[Allowed]:
    program, *arguments = words
    assert program == "kafka-acls.sh"
    parser = _Strict(allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True, choices=["$SERVERS"])
    parser.add_argument("--add", required=True, action="store_true")
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True, choices=_OPERATIONS)
    kinds = parser.add_mutually_exclusive_group(required=True)
    for kind in _KINDS:
        kinds.add_argument(f"--{kind}")
    read = parser.parse_args(arguments)
    kind = next(kind for kind in _KINDS if getattr(read, kind))
    principal, user = read.allow_principal.split(":")
    assert principal == "User"
    for operation in read.operation:
        yield Allowed(user, kind, getattr(read, kind), operation)


class _Strict(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise AssertionError(message)


def _documents(text: str, kind: str, cluster: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and specification of each document of this kind."""
    for document in map(json.loads, text.split("---\n")[1:]):
        assert document.keys() == {"apiVersion", "kind", "metadata", "spec"}
        assert document["apiVersion"] == STRIMZI_API
        assert document["metadata"]["labels"] == {"strimzi.io/cluster": cluster}
        if document["kind"] == kind:
            yield document["metadata"]["name"], document["spec"]


def of_users(text: str, cluster: str) -> set[Allowed]:
    """Of Strimzi's KafkaUsers. Its operator gives them the names of their documents."""
    found = set()
    for user, spec in _documents(text, "KafkaUser", cluster):
        assert spec.keys() == {"authentication", "authorization"}
        assert spec["authentication"] == {"type": "scram-sha-512"}
        assert spec["authorization"].keys() == {"type", "acls"}
        assert spec["authorization"]["type"] == "simple"
        for rule in spec["authorization"]["acls"]:
            assert rule.keys() == {"resource", "operations"}
            resource = rule["resource"]
            assert resource.keys() == {"type", "name", "patternType"}
            assert resource["patternType"] == "literal"
            assert rule["operations"]
            found |= {Allowed(user, resource["type"], resource["name"], each) for each in rule["operations"]}
    return found


def topics_of(text: str, cluster: str) -> list[TopicSpec]:
    """Strimzi's KafkaTopics."""
    found = []
    for _, spec in _documents(text, "KafkaTopic", cluster):
        assert spec.keys() == {"topicName", "partitions", "replicas", "config"}
        found.append(TopicSpec(spec["topicName"], spec["partitions"], spec["config"], spec["replicas"]))
    return found

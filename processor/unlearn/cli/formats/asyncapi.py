"""The AsyncAPI 3.0 document of a model's topics: who sends what under which key, with the schemas of all messages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pydantic.json_schema import models_json_schema

from unlearn.cli.formats.schemas import MODELS, Schema

__all__ = ["TOPICS", "asyncapi"]


_NO_KEY = "none"


class Topic(NamedTuple):
    """A topic's description, what the keys of each of its messages are, and whether a worker sends or receives them."""

    text: str
    keys: Mapping[str, str]
    action: Literal["send", "receive"]
    does: str


TOPICS: Mapping[str, Topic] = MappingProxyType(
    {
        "events": Topic(
            "Inserts, deletions, lifts and seals; deleted by age, never compacted.",
            dict.fromkeys(("insert", "delete", "lift"), "subject_id, or record_id where there is none, or alias")
            | {"seal": _NO_KEY},
            "receive",
            "Apply what services ask for, in the order of the offsets.",
        ),
        "results": Topic(
            "One partition, compacted: each partition's manifest, and the heartbeats that name it.",
            {"manifest": "model/partition", "heartbeat": "model/partition/heartbeat"},
            "send",
            "Publish the states of a partition's shards, and vouch for them; scorers follow.",
        ),
        "receipts": Topic(
            "One partition: what became of each deletion and lift, and notes of what gateways told by callbacks. "
            "Receipts may repeat, and then say the same.",
            {"receipt": "event_id", "note": "event_id"},
            "send",
            "Tell what became of a request; its sender waits for the state `hidden`.",
        ),
        "dead-letters": Topic(
            "One partition: events that were not applied, never with their content.",
            {"dead-letter": _NO_KEY},
            "send",
            "Tell what could not be applied, and why.",
        ),
        "history": Topic(
            "One partition: which rows each published version held.",
            {"version": "model/partition"},
            "send",
            "Tell what a published manifest held; `unlearn answer` finds by it which versions held a record.",
        ),
    }
)
"""What stands behind the dot of a topic's name -> what it is."""


_VERSION = "1.0.0"
"""Of the messages, not of a release."""


def asyncapi() -> Schema:
    """The document as JSON values."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "unlearn",
            "version": _VERSION,
            "description": "The topics of one model, all values JSON in UTF-8. docs/format.md says what readers do.",
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(name, topic) for name, topic in TOPICS.items()},
        "operations": {f"{topic.action}-{name}": _operation(name, topic) for name, topic in TOPICS.items()},
        "components": {
            "messages": {name: _message(name, key) for topic in TOPICS.values() for name, key in topic.keys.items()},
            "schemas": _definitions(),
        },
    }


def _channel(name: str, topic: Topic) -> Schema:
    return {
        "address": f"{{model}}.{name}",
        "description": topic.text,
        "parameters": {"model": {"description": "the model's name"}},
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in topic.keys},
    }


def _operation(name: str, topic: Topic) -> Schema:
    return {"action": topic.action, "channel": {"$ref": f"#/channels/{name}"}, "summary": topic.does}


def _message(name: str, key: str) -> Schema:
    model = MODELS[name]
    payload = {"$ref": f"#/components/schemas/{model.__name__}"}
    told = {"name": name, "summary": (model.__doc__ or "").strip().partition("\n")[0], "payload": payload}
    return told if key == _NO_KEY else told | {"bindings": {"kafka": {"key": {"type": "string", "description": key}}}}


def _definitions() -> Schema:
    wanted: Any = [(MODELS[name], "validation") for topic in TOPICS.values() for name in topic.keys]
    _, found = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    definitions: Schema = found["$defs"]
    return definitions

"""The JSON Schemas of all messages and answers, made from the classes that read and write them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from unlearn.admin.answering.report import Answer
from unlearn.admin.versions.report import Difference, VersionTold
from unlearn.events.event import Delete, Insert, Lift, Seal
from unlearn.forwarding.dead_letter import DeadLetter
from unlearn.gateway.requests.notes import Note
from unlearn.results.history import PublishedVersion
from unlearn.results.manifest import Heartbeat, Manifest, Receipt

__all__ = ["MODELS", "Schema", "schemas"]

Schema = dict[str, Any]

MODELS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "insert": Insert,
        "delete": Delete,
        "lift": Lift,
        "seal": Seal,
        "manifest": Manifest,
        "heartbeat": Heartbeat,
        "receipt": Receipt,
        "note": Note,
        "dead-letter": DeadLetter,
        "version": PublishedVersion,
        "answer": Answer,
        "listed-version": VersionTold,
        "difference": Difference,
    }
)
"""Name -> the class whose schema it is."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, Schema]:
    """Name -> JSON Schema."""
    return {name: {"$schema": _DIALECT, **model.model_json_schema()} for name, model in MODELS.items()}

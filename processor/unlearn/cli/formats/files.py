"""The schemas and the AsyncAPI document as files."""

from __future__ import annotations

import json

from unlearn.cli.formats.asyncapi import asyncapi
from unlearn.cli.formats.schemas import Schema, schemas

__all__ = ["files", "text_of"]


def files() -> dict[str, str]:
    """File name -> content: a schema a message, and the AsyncAPI document."""
    made = {f"{name}.schema.json": schema for name, schema in schemas().items()}
    return {name: text_of(value) + "\n" for name, value in {**made, "asyncapi.json": asyncapi()}.items()}


def text_of(value: Schema) -> str:
    """JSON as people read it."""
    return json.dumps(value, indent=2)

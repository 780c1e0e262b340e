"""`unlearn schemas`: the JSON Schemas of what is read and written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from unlearn.admin.answering.report import Answer
from unlearn.admin.versions.report import Difference, VersionTold
from unlearn.cli.command import Command
from unlearn.events.event import Delete, Insert, Lift, Seal
from unlearn.results.history import PublishedVersion
from unlearn.results.manifest import Receipt

Schema = dict[str, Any]

SCHEMAS: dict[str, Callable[[], Schema]] = {
    "insert": Insert.model_json_schema,
    "delete": Delete.model_json_schema,
    "lift": Lift.model_json_schema,
    "seal": Seal.model_json_schema,
    "receipt": Receipt.model_json_schema,
    "version": PublishedVersion.model_json_schema,
    "answer": Answer.model_json_schema,
    "listed-version": VersionTold.model_json_schema,
    "difference": Difference.model_json_schema,
}
"""Name -> what makes its schema."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


@click.command(cls=Command)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write NAME.schema.json files into this folder, instead of printing one JSON object of all.",
)
def command(out: Path | None) -> None:
    """Print the JSON Schemas of events, receipts, versions and answers."""
    schemas = {name: {"$schema": _DIALECT, **make()} for name, make in SCHEMAS.items()}
    if out is None:
        click.echo(_text(schemas))
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        (out / f"{name}.schema.json").write_text(_text(schema) + "\n", encoding="utf-8")


def _text(value: Schema) -> str:
    return json.dumps(value, indent=2)

"""`unlearn schemas` prints or writes one schema for each message, and the AsyncAPI document."""

from __future__ import annotations

import json
import re
from functools import reduce
from pathlib import Path

from click.testing import CliRunner

from tests.harness.settings import settings_of
from unlearn.cli.commands.setup.schemas import command
from unlearn.cli.formats.asyncapi import asyncapi
from unlearn.cli.formats.files import files
from unlearn.cli.formats.schemas import MODELS
from unlearn.settings import TopicSettings

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def test_the_schemas_are_printed_as_one_object() -> None:
    result = CliRunner().invoke(command, [])

    printed = json.loads(result.stdout)
    assert set(printed) == set(MODELS)
    assert printed["insert"]["properties"]["text"]["anyOf"][0] == {"maxLength": 100000, "type": "string"}


def test_the_schemas_are_written_to_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"

    result = CliRunner().invoke(command, ["--out", str(out)])

    assert result.exit_code == 0
    assert {path.name for path in out.iterdir()} == {*(f"{name}.schema.json" for name in MODELS), "asyncapi.json"}
    assert json.loads((out / "seal.schema.json").read_text())["required"] == ["type"]


def test_docs_holds_these_files_alone() -> None:
    assert {path.name for path in SCHEMAS.iterdir()} == set(files())


def test_the_asyncapi_document_is_printed_and_whole() -> None:
    document = json.loads(CliRunner().invoke(command, ["--asyncapi"]).stdout)

    pointers = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)))
    assert len(pointers) > len(MODELS)
    for pointer in pointers:
        assert reduce(lambda value, name: value[name], pointer.split("/"), document), pointer
    printed = {"answer", "listed-version", "difference"}
    assert printed | set(document["components"]["messages"]) == set(MODELS)


def test_every_topic_of_the_settings_is_in_the_asyncapi_document() -> None:
    settings = settings_of(model="mail")
    named = {getattr(settings, f"{name}_topic") for name in TopicSettings.model_fields}

    assert {f"mail.{name}" for name in asyncapi()["channels"]} == named

"""`unlearn schemas` prints or writes one schema for each name of its table."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from unlearn.cli.commands.schemas import SCHEMAS, command


def test_the_schemas_are_printed_as_one_object() -> None:
    result = CliRunner().invoke(command, [])

    printed = json.loads(result.stdout)
    assert {"insert", "delete", "seal", "receipt", "version", "answer"} <= set(printed)
    assert printed["insert"]["properties"]["text"]["anyOf"][0] == {"maxLength": 100000, "type": "string"}


def test_the_schemas_are_written_to_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"

    result = CliRunner().invoke(command, ["--out", str(out)])

    assert result.exit_code == 0
    assert {path.name for path in out.iterdir()} == {f"{name}.schema.json" for name in SCHEMAS}
    assert json.loads((out / "seal.schema.json").read_text())["required"] == ["type"]

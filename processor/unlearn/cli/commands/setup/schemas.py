"""`unlearn schemas`: the JSON Schemas of what is read and written."""

from __future__ import annotations

from pathlib import Path

import click

from unlearn.cli.command import Command
from unlearn.cli.formats.asyncapi import asyncapi
from unlearn.cli.formats.files import files, text_of
from unlearn.cli.formats.schemas import schemas


@click.command(cls=Command)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write NAME.schema.json files and asyncapi.json into this folder, instead of printing one JSON object of all.",
)
@click.option("--asyncapi", "as_asyncapi", is_flag=True, help="Print the AsyncAPI document of the topics instead.")
def command(out: Path | None, as_asyncapi: bool) -> None:
    """Print the JSON Schemas of all messages and answers.

    \b
    Examples:
      unlearn schemas | jq .receipt
      unlearn schemas --asyncapi
      unlearn schemas --out schemas
    """
    if out is None:
        click.echo(text_of(asyncapi() if as_asyncapi else schemas()))
        return
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (out / name).write_text(text, encoding="utf-8")

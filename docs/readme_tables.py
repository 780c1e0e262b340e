"""Writes the generated tables into README.md between their markers: `python docs/readme_tables.py`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from click.testing import CliRunner

from processor.cli.main import cli

README = Path(__file__).resolve().parent.parent / "README.md"


def with_tables(text: str) -> str:
    """The README's text with every generated table as it is now."""
    table = CliRunner().invoke(cli, ["settings", "--markdown"], catch_exceptions=False).stdout.strip()
    return re.sub(r"(?s)(<!-- settings -->\n).*?(<!-- /settings -->)", lambda m: f"{m[1]}{table}\n{m[2]}", text)


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
    sys.exit(0)

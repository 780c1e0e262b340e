"""The README says what the program does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from processor.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_settings_table_is_the_generated_one() -> None:
    spec = importlib.util.spec_from_file_location("readme_tables", ROOT / "docs" / "readme_tables.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)

    assert tables.with_tables(README) == README, "run: make readme"


def test_every_command_that_it_names_exists_and_every_command_is_named() -> None:
    named = set(re.findall(r"unlearn ([a-z]+)", README))

    assert named - set(COMMANDS) == set()
    assert set(COMMANDS) - named == set()


def test_every_make_target_that_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"make ([a-z]+)`", README)) - targets == set()

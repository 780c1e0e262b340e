"""Files for deploying name only settings, commands and extras that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from tests.harness.needed import lacking
from unlearn.cli.main import COMMANDS
from unlearn.environment.variables import NO_SETTINGS
from unlearn.settings_sources import fields, file_variable, secret_paths, variable

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "docker"
UNITS = ROOT / "deploy" / "systemd"
FILES = [*FOLDER.iterdir(), *UNITS.glob("*.service"), *UNITS.glob("*.d/*")]


def test_every_variable_is_a_setting() -> None:
    known = {variable(path) for path, _ in fields()} | {file_variable(path) for path in secret_paths()} | NO_SETTINGS
    named = {name for file in FILES for name in re.findall(r"\bUNLEARN_[A-Z_]*[A-Z]\b", file.read_text())}
    assert len(named) > 8
    assert named - known == set()


def test_every_extra_and_command_is_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (installed,) = re.findall(r"'\.\[([a-z0-9,]+)\]'", (FOLDER / "Dockerfile").read_text())
    assert set(installed.split(",")) - extras.keys() == set()
    commands = re.findall(r"command: ([a-z]+) ?[a-z]*", (FOLDER / "compose.yaml").read_text())
    assert {"topics", "serve"} <= set(commands)
    assert set(commands) - COMMANDS.keys() - {"redis"} == set()


def test_the_image_gets_what_it_is_built_from_and_nothing_else() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name
        for line in re.findall(r"^COPY ([^-].*) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
        for name in line.split()
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in kept)


def test_units_run_commands_that_there_are() -> None:
    named = [
        re.findall(r"^ExecStart=/opt/unlearn/bin/unlearn (\w+)", unit.read_text(), re.MULTILINE)
        for unit in UNITS.glob("*.service")
    ]
    assert {name for (name,) in named} <= COMMANDS.keys()
    assert len(named) >= 3


def test_systemd_reads_the_units_and_finds_them_hardly_exposed() -> None:
    if shutil.which("systemd-analyze") is None:
        lacking("systemd", "the units are NOT read here, for want of systemd-analyze")
    done = subprocess.run([UNITS / "check.sh"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

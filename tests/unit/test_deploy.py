"""Files for deploying name only settings, commands and extras that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.harness.needed import lacking
from unlearn.cli.main import COMMANDS
from unlearn.cli.needs import NEEDS
from unlearn.environment.variables import NO_SETTINGS
from unlearn.extras import EXTRAS
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
    assert image_extras() - extras.keys() == set()
    commands = re.findall(r"command: ([a-z]+) ?[a-z]*", (FOLDER / "compose.yaml").read_text())
    assert {"topics", "serve"} <= set(commands)
    assert set(commands) - COMMANDS.keys() - {"redis"} == set()


def image_extras() -> set[str]:
    """The extras that the image has unless its builder names others."""
    (installed,) = re.findall(r"^ARG EXTRAS=([a-z0-9,]+)$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    return set(installed.split(","))


def test_the_page_says_what_the_image_lacks() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text()
    (line,) = re.findall(r"^\*\*Not in it\*\*.*?\n\n", page, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`([^`]+)`", line))
    lacking = EXTRAS.keys() - image_extras()
    assert {name for name in named if name in EXTRAS} == lacking
    cannot = {f"unlearn {command}" for command, needed in NEEDS.items() if lacking & set(needed)}
    assert {name for name in named if name.startswith("unlearn ")} == cannot


def test_the_image_gets_what_it_is_built_from_and_nothing_else() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name
        for line in re.findall(r"^COPY ([^-].*) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
        for name in line.split()
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in kept)


def test_prometheus_of_compose_scrapes_each_server_there() -> None:
    """check_compose.sh asserts that they are up; here, that none is left out, and that each answers to its name."""
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    (job,) = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    scraped = dict(target.split(":") for group in job["static_configs"] for target in group["targets"])
    listening = {}
    for name, service in compose.items():
        own = " ".join([str(service.get("command", "")), *map(str, service.get("environment", {}).values())])
        if found := re.search(r"0\.0\.0\.0:(\d+)", own):
            listening[name] = found.group(1)
            hosts = [value for key, value in service["environment"].items() if key.endswith("HOSTS")]
            assert hosts == [f'["{name}"]']
    assert scraped == listening
    assert len(listening) == 3


@pytest.mark.parametrize("umask", ["022", "077"])
def test_the_containers_user_can_read_the_secret_that_the_page_makes(umask: str, tmp_path: Path) -> None:
    """Compose mounts the file as it is: under many a umask nobody but its maker could read it."""
    page = (ROOT / "docs" / "deploying.md").read_text()
    secret = "deploy/docker/secret"
    lines = re.findall(rf"^    (?:python3|chmod) .*{secret}.*$", page, re.MULTILINE)
    file = tmp_path / secret
    file.parent.mkdir(parents=True)
    script = "\n".join([f"umask {umask}", *lines])
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True, timeout=60)
    assert len(file.read_text().strip()) == 64
    assert file.stat().st_mode & 0o777 == 0o644


def test_units_run_commands_that_there_are() -> None:
    named = [
        re.findall(r"^ExecStart=/opt/unlearn/bin/unlearn (\w+)", unit.read_text(), re.MULTILINE)
        for unit in UNITS.glob("*.service")
    ]
    assert {name for (name,) in named} <= COMMANDS.keys()
    assert len(named) >= 3


def test_a_units_own_settings_are_read_after_those_of_all() -> None:
    """Of two files with one variable systemd takes the later one, and drop-ins come after the unit."""
    for unit in UNITS.glob("*.service"):
        common, own = re.findall(r"^EnvironmentFile=-?(\S+)$", unit.read_text(), re.MULTILINE)
        assert common == "/etc/unlearn/unlearn.env"
        assert own.removeprefix("/etc/unlearn/").split(".")[0].split("-")[0] in unit.name
    assert not any("EnvironmentFile=" in file.read_text() for file in UNITS.glob("*.d/*"))


def test_systemd_reads_the_units_and_finds_them_hardly_exposed() -> None:
    if shutil.which("systemd-analyze") is None:
        lacking("systemd", "the units are NOT read here, for want of systemd-analyze")
    done = subprocess.run([UNITS / "check.sh"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""The wheel holds the program and nothing else, works from a fresh environment, beside modules of any name, and scores
where nothing but its base installation is there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from configparser import ConfigParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import MakeSettings
from tests.harness.base_install import copy_base, needed_by
from tests.harness.processes import Ended, environment
from unlearn.extras import EXTRAS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
SOURCES = {"processor": "unlearn", "models": "unlearn_models", "study": "unlearn_study"}
"""Source root -> the package in it."""
MADE_HERE = ("__pycache__", "build", "dist", "out")
OWN = ("models", "processor", "study", "tests")
EVENTS = [
    {"type": "insert", "event_id": "h", "record_id": "h", "label": "ham", "text": "see you at noon"},
    {"type": "insert", "event_id": "s", "record_id": "s", "label": "spam", "text": "win cash now"},
]
PROGRAM = """
import importlib, json, sys
import models, processor, study, tests
import unlearn, unlearn_models, unlearn_study
from unlearn import Scorer, load_settings

with Scorer.connect(load_settings()) as scorer:
    served = scorer.once(60)
print(json.dumps({
    "own": [module.mine for module in (models, processor, study, tests)],
    "files": [module.__file__ for module in (unlearn, unlearn_models, unlearn_study)],
    "imported": sorted({module.__file__ for name, module in sys.modules.items()
                        if name.startswith("unlearn") and module.__file__}),
    "labels": served.predict(sys.argv[1:]),
    "left out": served.left_out,
}))
"""
HEAVY = sorted({"llvmlite", *(module for modules in EXTRAS.values() for module in modules)} - {"gssapi"})
"""What an environment for developers has beside the base; Kerberos' module is built against the system's libraries."""
SCORES = f"""
import json, sys
from importlib.util import find_spec
from unlearn import Scorer, load_settings

with Scorer.connect(load_settings()) as scorer:
    served = scorer.once(60)
print(json.dumps({{
    "scores": served.scores(json.load(sys.stdin)).scores.tobytes().hex(),
    "there": [name for name in {HEAVY!r} if find_spec(name)],
}}))
"""
FORGETS = """
from unlearn import Client

with Client.connect() as client:
    pending = client.forget(record="s")
    print("sent", flush=True)
    print(pending.wait("hidden", timeout=300).state)
"""
WORDS = ["Win", "CASH", "noon", "ΣΟΦΟΣ", "İstanbul", "naïve", "see", "lunch", "\u0301x", "日本", "prize", "a_1"]
TEXTS = [" ".join(WORDS[(i * 7 + j * j) % len(WORDS)] for j in range(2 + i % 9)) for i in range(60)] + ["", "Σ ı \x00"]  # noqa: RUF001
LEARNERS: dict[str, dict[str, Any]] = {
    "naive-bayes": {"learner": "naive-bayes"},
    "forest": {"learner": "forest", "features": 2**9, "learner_options": {"trees": 10}},
    "positive and unlabelled": {"learner": "pu-linear", "learner_options": {"held_out": 0.5}},
}
MOST_BYTES = 120e6
"""Of the files that a base installation adds, bytecode included."""


class Installed(NamedTuple):
    """A fresh environment with the wheel in it; the packages that it needs are those of this one."""

    folder: Path

    @property
    def site(self) -> Path:
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.folder)}))

    def run(self, program: str, *arguments: str, given: str = "", **how: Any) -> Ended:
        return subprocess.run(
            [self.folder / "bin" / program, *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
            **how,
        )


def plain(variables: dict[str, str]) -> dict[str, str]:
    """Without what would lead Python to this tree, or to packages of the user's."""
    return {name: value for name, value in variables.items() if not name.startswith("PYTHON")} | {
        "PYTHONNOUSERSITE": "1"
    }


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, arguments)]
    done = subprocess.run(
        command, env=plain(dict(os.environ)), cwd=Path(sys.prefix), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that this tree stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=_made_here)
    pip("wheel", "--no-index", "--no-deps", "--no-build-isolation", "-w", folder / "made", source)
    (found,) = (folder / "made").iterdir()
    return found


def _made_here(folder: str, names: list[str]) -> set[str]:
    """What is no part of a bare clone."""
    hidden = {name for name in names if name.startswith(".") and Path(folder) == ROOT}
    return hidden | {name for name in names if name in MADE_HERE or name.endswith(".egg-info")}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], env=plain(dict(os.environ)), check=True)
    made = Installed(folder)
    # A path alone: the .pth files in that folder, which lead to this tree, are not read.
    (made.site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip("--python", folder / "bin" / "python", "install", "--no-index", "--no-deps", wheel)
    _copy_machine_code(made.site)
    return made


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """With what the wheel needs without extras, and nothing else."""
    folder = tmp_path_factory.mktemp("base")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], env=plain(dict(os.environ)), check=True)
    made = Installed(folder)
    copy_base(wheel, made.site)
    pip("--python", folder / "bin" / "python", "install", "--no-index", "--no-deps", wheel)
    return made


def _copy_machine_code(site: Path) -> None:
    """As if its kernels had been compiled here; `test_unprivileged` has an installation where they aren't."""
    for root, package in SOURCES.items():
        for file in (ROOT / root / package).rglob("*.nb[ci]"):
            copy = site / file.relative_to(ROOT / root)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        scripts = ConfigParser()
        scripts.read_string(archive.read(entry_points).decode())

    expected = {
        path.relative_to(ROOT / root).as_posix()
        for root, package in SOURCES.items()
        for path in (ROOT / root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in names if not name.partition("/")[0].endswith(".dist-info")}
    assert held == expected
    assert {f"{package}/py.typed" for package in SOURCES.values()} <= held
    assert {Path(name).suffix for name in held} == {
        *(".py", ".lua", ".txt", ".typed", ".xml"),
        *(".css", ".html", ".js", ".md", ".svg"),  # the console's page
    }
    assert list(scripts["console_scripts"]) == ["unlearn"]


def test_a_program_with_modules_of_the_same_names_scores_with_the_installed_one(
    installed: Installed, make_settings: MakeSettings, tmp_path: Path
) -> None:
    # Given a folder of a user's own, whose modules bear the names of our folders
    app = tmp_path / "app"
    app.mkdir()
    for name in OWN:
        (app / f"{name}.py").write_text(f'mine = "{name}"\n', encoding="utf-8")
    (app / "program.py").write_text(PROGRAM, encoding="utf-8")
    settings = make_settings(partitions=1, shards_per_partition=1, features=2**10)
    how: dict[str, Any] = {"env": plain(environment(settings)), "cwd": app}

    # When the installed command publishes a model from there, and the program scores by it
    published(installed, how)
    ended = installed.run("python", "program.py", "win cash now", "see you at noon", **how)

    # Then the program has its own modules, and all of ours are the installed ones
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert (said["labels"], said["left out"]) == (["spam", "ham"], [])
    assert said["own"] == list(OWN)
    assert [Path(file) for file in said["files"]] == [
        installed.site / package / "__init__.py" for package in SOURCES.values()
    ]
    assert [file for file in said["imported"] if not Path(file).is_relative_to(installed.site)] == []


def published(installed: Installed, how: dict[str, Any], events: list[dict[str, str]] = EVENTS) -> None:
    lines = "\n".join(json.dumps(event) for event in events)
    for command, given in (("topics create", ""), ("send -", lines), ("work --drain", "")):
        ended = installed.run("unlearn", *command.split(), given=given, **how)
        assert ended.returncode == 0, f"{command}: {ended.stderr}"


def events_of(classes: tuple[str, ...], unlabelled: bool) -> list[dict[str, str]]:
    """Inserts of all the texts; with `unlabelled` only the last class is a label, and half of the rows have none."""
    inserts = []
    for i, text in enumerate(TEXTS):
        label = {"label": classes[i % len(classes)]} if not unlabelled else {"label": classes[-1]} if i % 2 else {}
        inserts.append({"type": "insert", "event_id": f"e{i}", "record_id": f"r{i}", "text": text, **label})
    return inserts


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_base_installation_scores_to_the_same_bytes(
    installed: Installed, base: Installed, make_settings: MakeSettings, tmp_path: Path, learner: str
) -> None:
    # Given a model that workers with all extras have published
    settings = make_settings(**{"partitions": 2, "shards_per_partition": 2, "features": 2**12, **LEARNERS[learner]})
    how: dict[str, Any] = {"env": plain(environment(settings)), "cwd": tmp_path}
    published(installed, how, events_of(settings.classes, unlabelled=learner.startswith("positive")))
    asked = json.dumps([*TEXTS, "not seen before", "\ud800 odd"])

    # When it is scored with them and without any
    full, bare = (each.run("python", "-c", SCORES, given=asked, **how) for each in (installed, base))

    # Then the answers are the same to the bit
    assert (full.returncode, bare.returncode) == (0, 0), full.stderr + bare.stderr
    said, told = json.loads(full.stdout), json.loads(bare.stdout)
    assert (said["there"], told["there"]) == (HEAVY, [])
    assert said["scores"] == told["scores"]
    assert len({told["scores"][at : at + 16] for at in range(0, len(told["scores"]), 16)}) > 10


def test_the_base_installation_sends_and_says_which_extra_it_lacks(
    installed: Installed, base: Installed, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(partitions=1, shards_per_partition=1, features=2**10)
    how: dict[str, Any] = {"env": plain(environment(settings)), "cwd": tmp_path}
    lines = "\n".join(json.dumps(event) for event in EVENTS)

    # What needs no extra does its work: topics made, events sent in packed batches and one by one
    for command, given in (("topics create", ""), ("topics check", ""), ("send -", lines), ("settings", "")):
        ended = base.run("unlearn", *command.split(), given=given, **how)
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
    worked = base.run("unlearn", "work", "--drain", **how)
    assert worked.returncode == 64
    assert "unlearn work needs the [worker] extra: pip install 'unlearn-stream[worker]'" in worked.stderr

    # And once a worker elsewhere has published, it reads what that says
    assert installed.run("unlearn", "work", "--drain", **how).returncode == 0
    scored = base.run("unlearn", "score", "-", given="win cash now\nsee you at noon\n", **how)
    assert scored.returncode == 0, scored.stderr
    assert [line.split()[0] for line in scored.stdout.splitlines()[1:]] == ["spam", "ham"]
    for command in ("manifest", "versions"):
        ended = base.run("unlearn", command, **how)
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
    assert base.run("unlearn", "status", **how).returncode == 64

    # And it waits for the receipt of a deletion that such a worker carries out
    with subprocess.Popen(
        [base.folder / "bin" / "python", "-c", FORGETS], stdout=subprocess.PIPE, text=True, **how
    ) as forgets:
        assert forgets.stdout is not None
        assert forgets.stdout.readline() == "sent\n"
        assert installed.run("unlearn", "work", "--drain", **how).returncode == 0
        assert forgets.stdout.read() == "hidden\n"
    assert forgets.returncode == 0


def test_the_base_installation_is_small(base: Installed, wheel: Path) -> None:
    assert base.run("python", "-m", "compileall", "-q", str(base.site)).returncode == 0
    files = [file for file in base.folder.rglob("*") if file.is_file() and not file.is_symlink()]

    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    assert {"numpy", "pydantic", "kafka-python"} < needed_by(wheel)

"""A user without a home and without the right to write beside the sources can do what others can."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.unprivileged import NAMELESS, NOBODY, Installation, installed
from unlearn.cli.main import COMMANDS
from unlearn_models.base.cache_folder import cache_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

LEARN = """
import sys
import unlearn.worker.lifecycle, unlearn.scoring.scorer, unlearn.verification.from_log
from unlearn_models import make_learner
from unlearn.events.event import Insert
from unlearn.events.features import rows_of
from unlearn.events.partitioner import home
from unlearn_models.base.kernel import Kernel

home(b"ann", 4)
texts = {"win cash now": "spam", "see you at noon": "ham"}
inserts = [Insert(event_id=t, record_id=t, text=t, label=label) for t, label in texts.items()]
rows = rows_of(inserts, ("ham", "spam"), 256)
for name in ("naive-bayes", "linear", "forest"):
    learner = make_learner(name, ("ham", "spam"), 256)
    scores = learner.ensemble([learner.learn(learner.empty(), rows)]).scores(rows)
    print(name, scores.argmax(axis=1))
ours = [module for name, module in sys.modules.items() if name.startswith(("unlearn_models.", "unlearn."))]
kernels = [f.compiled() for module in ours for f in vars(module).values() if isinstance(f, Kernel)]
print(len(kernels) > 50, sum(sum(f.stats.cache_misses.values()) for f in kernels), "compiled anew")
"""
LEARNED = "naive-bayes [1 0]\nlinear [1 0]\nforest [1 0]\n"


@pytest.fixture(scope="module")
def whole() -> Iterator[Installation]:
    with installed(compiled=True) as made:
        yield made


@pytest.fixture(scope="module")
def bare() -> Iterator[Installation]:
    with installed(compiled=False) as made:
        yield made


@pytest.mark.parametrize("user", [NOBODY, NAMELESS])
def test_without_a_place_to_write_to_what_was_compiled_at_installation_is_used(whole: Installation, user: int) -> None:
    done = whole.run("-c", LEARN, user=user)

    assert (done.stdout, done.stderr, done.returncode) == (LEARNED + "True 0 compiled anew\n", "", 0)


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "TMPDIR"])
def test_what_was_compiled_at_installation_is_used_from_the_place_that_can_be_written_to(
    whole: Installation, variable: str
) -> None:
    done = whole.run("-c", LEARN, variables={variable: str(whole.home)})

    assert (done.stdout, done.stderr, done.returncode) == (LEARNED + "True 0 compiled anew\n", "", 0)
    assert any(whole.home.rglob("*.nbi"))


TEXT = (
    "import unlearn_models.text.kernels as m; k = [f.compiled() for f in vars(m).values() if hasattr(f, 'compiled')];"
    "[f.load() for f in k];"
    "print(len(k), sum(sum(f.stats.cache_misses.values()) for f in k))"
)


def test_kernels_not_compiled_at_installation_are_compiled_once_and_kept(bare: Installation) -> None:
    first = bare.run("-c", TEXT, variables={"XDG_CACHE_HOME": str(bare.home)})
    again = bare.run("-c", TEXT, variables={"XDG_CACHE_HOME": str(bare.home)})

    count = int(first.stdout.split()[0])
    assert (first.stdout, first.stderr) == (f"{count} {count}\n", "")
    assert (again.stdout, again.stderr) == (f"{count} 0\n", "")
    assert count > 0


def test_where_nothing_can_be_kept_it_is_compiled_at_each_start(bare: Installation) -> None:
    for _ in range(2):
        done = bare.run("-c", "from unlearn.events.partitioner import home; print(home(b'ann', 4))")

        assert (done.stdout, done.stderr) == ("2\n", "")


HELP = """
import contextlib, io
from unlearn.cli.main import COMMANDS, main
for name in COMMANDS:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main([name, "--help"])
    print(said.getvalue().partition("[")[0])
"""


@pytest.mark.parametrize("user", [NOBODY, NAMELESS])
def test_each_command_tells_its_usage(whole: Installation, user: int) -> None:
    done = whole.run("-c", HELP, user=user)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"Usage: unlearn {name} " for name in COMMANDS]


@pytest.mark.parametrize("user", [NOBODY, NAMELESS])
def test_settings_are_shown(whole: Installation, user: int) -> None:
    done = whole.unlearn("settings", user=user)

    assert (done.returncode, done.stderr) == (0, "")
    assert "UNLEARN_SERVICES_DIR" in done.stdout


@pytest.mark.parametrize(("user", "temporary"), [(NOBODY, "home"), (NAMELESS, "nonexistent")])
def test_the_study_draws_and_complains_of_no_place(whole: Installation, user: int, temporary: str) -> None:
    out = whole.home / f"out-{user}"
    words = "study --data generated --rows 100 --methods naive,sisa --shards 1 --slices 1 --quick --out"
    done = whole.unlearn(*words.split(), str(out), user=user, variables={"TMPDIR": str(whole.folder / temporary)})

    # Where that takes over 5 s, Matplotlib says that it looks for fonts.
    complaints = [line for line in done.stderr.splitlines() if "building the font cache" not in line]
    assert (done.returncode, complaints) == (0, [])
    assert {"report.md", "cost.png", "cost.svg"} <= {path.name for path in out.iterdir()}


# -- the folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go; there is no other place."""
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, "/proc/nonexistent")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"unlearn-{os.geteuid()}"


def test_a_folder_among_the_temporary_files_is_closed_to_others(temporary: Path) -> None:
    assert cache_folder("kernels") == temporary / "kernels"
    assert stat.S_IMODE(temporary.stat().st_mode) == 0o700


def test_a_folder_that_others_can_enter_is_passed_over(temporary: Path) -> None:
    temporary.mkdir(0o700)
    temporary.chmod(0o755)

    assert cache_folder("kernels") is None


def test_a_link_is_passed_over(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o700)
    temporary.symlink_to(tmp_path / "elsewhere")

    assert cache_folder("kernels") is None


def test_a_folder_of_another_user_is_passed_over(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary.mkdir(0o700)
    monkeypatch.setattr("os.geteuid", lambda: NAMELESS)
    temporary.rename(temporary.with_name(f"unlearn-{NAMELESS}"))

    assert cache_folder("kernels") is None


def test_a_relative_name_of_the_folder_of_caches_is_passed_over(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")

    assert cache_folder("kernels") == temporary / "kernels"

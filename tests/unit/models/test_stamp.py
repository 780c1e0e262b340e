"""Machine code in the cache is of the sources that are there now, all those that went into it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.source_roots import PYTHONPATH, ROOT
from unlearn_models.base.kernel import Kernel
from unlearn_models.base.kernel_stamp import sources_of, stamp_of
from unlearn_models.compile_kernels import prime

MADE: Mapping[str, str] = {
    "__init__.py": "",
    "numbers.py": "ADDED = 1\n",
    "inner.py": """
from made.numbers import ADDED
from unlearn_models.base.kernel import i64, kernel

@kernel(i64, i64)
def inner(x):
    return x + ADDED
""",
    "outer.py": """
from unlearn_models.base.kernel import i64, kernel
from made import (
    inner as below,
)

inner = below.inner

@kernel(i64, i64)
def outer(x):
    return 10 * inner(x)
""",
}
"""A kernel that calls one of another file, which names a constant of a third. All of it is frozen in machine code."""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    for name, source in MADE.items():
        (folder / name).write_text(source)
    return folder


def outer_of_1(folder: Path) -> tuple[int, int]:
    """Its value, and how many times its machine code came from the cache."""
    return called(
        folder.parent, "from made.outer import outer; print(outer(1), sum(outer.compiled().stats.cache_hits.values()))"
    )


def called(root: Path, script: str) -> tuple[int, int]:
    """The two numbers that a script prints, in a process of its own that imports from this root first."""
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{PYTHONPATH}"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    first, second = done.stdout.split()
    return int(first), int(second)


def test_an_unchanged_kernel_comes_from_the_cache(made: Path) -> None:
    assert [outer_of_1(made) for _ in range(2)] == [(20, 0), (20, 1)]


@pytest.mark.parametrize(
    ("name", "before", "after"), [("inner.py", "x + ADDED", "x + 2 * ADDED"), ("numbers.py", "ADDED = 1", "ADDED = 2")]
)
def test_a_change_in_a_file_that_is_imported_is_seen(made: Path, name: str, before: str, after: str) -> None:
    assert outer_of_1(made) == (20, 0)
    source = made / name
    assert source.read_text().count(before) == 1

    source.write_text(source.read_text().replace(before, after))

    assert outer_of_1(made) == (30, 0)


def test_a_file_that_is_not_imported_changes_nothing(made: Path) -> None:
    assert outer_of_1(made) == (20, 0)

    (made / "unused.py").write_text("")

    assert outer_of_1(made) == (20, 1)


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["linear", "naive_bayes"])
def test_a_changed_kernel_of_the_base_is_compiled_into_the_learners_anew(tmp_path: Path, learner: str) -> None:
    copied = shutil.copytree(ROOT / "models", tmp_path / "models")
    kernel = {"linear": "enter", "naive_bayes": "add"}[learner]
    script = (
        f"from unlearn_models.{learner}.kernels import {kernel};k = {kernel}.compiled();k.load();"
        "print(sum(k.stats.cache_hits.values()), sum(k.stats.cache_misses.values()))"
    )
    called(copied, script)
    assert called(copied, script) == (1, 0)

    shared = copied / "unlearn_models" / "base" / "kernels" / "feature_index.py"
    shared.write_text(shared.read_text().replace("_SPREAD >> 15", "_SPREAD >> 14"))

    assert called(copied, script) == (0, 1)


def test_each_source_counts(tmp_path: Path) -> None:
    root = shutil.copytree(ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    tasks = root / "unlearn_models" / "forest" / "kernels" / "tasks.py"
    names = {name for name in sources_of(tasks) if "/forest/" in name}
    assert {Path(name).name for name in names} >= {"tasks.py", "hashing.py", "scan.py", "layout.py"}
    seen = {stamp_of(tasks)}
    for name in names:
        before = (root / name).read_text()
        (root / name).write_text(before + "# changed\n")
        stamp_of.cache_clear()
        seen.add(stamp_of(tasks))
        (root / name).write_text(before)
    stamp_of.cache_clear()
    assert len(seen) == 1 + len(names)


def test_the_stamp_is_the_same_wherever_the_package_is(tmp_path: Path) -> None:
    root = shutil.copytree(ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    name = "unlearn_models/linear/kernels.py"

    assert stamp_of(root / name) == stamp_of(ROOT / "models" / name)
    assert root / "unlearn_models/base/kernels/feature_index.py" in sources_of(root / name).values()


# -- the kernels that there are


def kernels_seen() -> Iterator[tuple[Path, Path]]:
    """A file that declares kernels, and the file of each kernel that a name of it stands for."""
    for package in ("unlearn_models", "unlearn"):
        prime(package)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("unlearn_models", "unlearn") and module.__file__:
            file = Path(module.__file__)
            if re.search(r"^@(lean_)?kernel\(", file.read_text(), re.MULTILINE):
                for seen in vars(module).values():
                    if isinstance(seen, Kernel):
                        yield file, Path(seen.__wrapped__.__code__.co_filename)


def test_every_kernel_that_another_may_call_is_in_its_stamp() -> None:
    pairs = set(kernels_seen())

    assert sum(file != other for file, other in pairs) > 20
    assert [(file, other) for file, other in pairs if other not in sources_of(file).values()] == []

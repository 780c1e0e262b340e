"""Machine code in the cache is of the sources that are there now, all those that went into it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.source_roots import PYTHONPATH
from unlearn_models.base.kernel_stamp import folder_stamp
from unlearn_models.forest import kernels

INNER = """
from unlearn_models.base.kernel import i64, kernel

@kernel(i64, i64)
def inner(x):
    return x + {added}
"""
OUTER = """
from inner import inner
from unlearn_models.base.kernel import i64, kernel

@kernel(i64, i64)
def outer(x):
    return inner(x)
"""


def outer_of_1(folder: Path) -> tuple[int, int]:
    """Its value, and how many times its machine code came from the cache."""
    script = "from outer import outer; print(outer(1), sum(outer.stats.cache_hits.values()))"
    environment = {**os.environ, "PYTHONPATH": f"{PYTHONPATH}{os.pathsep}{folder}"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=folder, capture_output=True, text=True, check=True
    )
    value, hits = done.stdout.split()
    return int(value), int(hits)


def test_a_change_in_another_file_of_a_kernel_folder_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "kernels"
    folder.mkdir()
    (folder / "outer.py").write_text(OUTER)
    (folder / "inner.py").write_text(INNER.format(added=1))
    assert outer_of_1(folder) == (2, 0)
    assert outer_of_1(folder) == (2, 1)

    (folder / "inner.py").write_text(INNER.format(added=10))

    assert outer_of_1(folder) == (11, 0)


def test_elsewhere_a_file_stands_for_itself(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER.format(added=1))
    assert outer_of_1(tmp_path) == (2, 0)

    (tmp_path / "unused.py").write_text("")

    assert outer_of_1(tmp_path) == (2, 1)


def test_every_file_counts(tmp_path: Path) -> None:
    source = Path(str(kernels.__file__)).parent
    names = sorted(path.name for path in source.glob("*.py"))
    assert {"tasks.py", "hashing.py", "scan.py"} <= set(names)
    seen = {folder_stamp(source)}
    for name in names:
        copied = shutil.copytree(source, tmp_path / name)
        (copied / name).write_text((copied / name).read_text() + "# changed\n")
        seen.add(folder_stamp(copied))
    assert len(seen) == 1 + len(names)

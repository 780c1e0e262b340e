"""What the package exports, and that it knows nothing of the stream."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import unlearn_models
from unlearn_models.compile_kernels import prime


def test_exports_are_sorted_and_there() -> None:
    assert all(hasattr(unlearn_models, name) for name in unlearn_models.__all__)
    assert len(set(unlearn_models.__all__)) == len(unlearn_models.__all__)


def test_priming_reaches_every_module() -> None:
    prime()
    root = Path(unlearn_models.__file__).parents[1]
    names = {".".join(path.relative_to(root).with_suffix("").parts) for path in root.rglob("*.py")}
    names = {name.removesuffix(".__init__") for name in names}
    assert names <= set(sys.modules)


def test_priming_is_one_command() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "unlearn_models.compile_kernels"],
        cwd=Path(unlearn_models.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_models_import_nothing_of_the_stream() -> None:
    sources = list(Path(unlearn_models.__file__).parent.rglob("*.py"))
    assert sources
    assert not [
        path.name for path in sources if re.search(r"^\s*(from|import) unlearn\b", path.read_text(), re.MULTILINE)
    ]

"""What the package exports, and that it knows nothing of the processor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import models
from models.prime import prime


def test_exports_are_sorted_and_there() -> None:
    assert all(hasattr(models, name) for name in models.__all__)
    assert len(set(models.__all__)) == len(models.__all__)


def test_priming_reaches_every_module() -> None:
    prime()
    names = {f"models.{path.stem}" for path in Path(models.__file__).parent.glob("*.py")} - {"models.__init__"}
    assert names <= set(sys.modules)


def test_priming_is_one_command() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "models.prime"],
        cwd=Path(models.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_models_import_nothing_of_the_processor() -> None:
    sources = Path(models.__file__).parent.glob("*.py")
    assert not [path.name for path in sources if "processor" in path.read_text(encoding="utf-8")]

"""A quick run of a bench on the tests' services, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["figures_of_quick_run"]

_ROOT = Path(__file__).parents[2]


def figures_of_quick_run(name: str, kafka: str, redis_url: str, folder: Path) -> tuple[dict[str, dict[str, Any]], str]:
    """(figures by their names, what was printed) of `python -m bench NAME --quick`, which must succeed."""
    services = {
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "UNLEARN_REDIS__URL": redis_url,
        "UNLEARN_SERVICES_DIR": str(folder / "services"),
    }
    out = folder / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", name, "--quick", "--json", str(out)],
        cwd=_ROOT,
        env=os.environ | services,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {figure["name"]: figure for figure in json.loads(out.read_text())["figures"]}, done.stdout

"""Where processes of their own import this tree's packages and its tests from."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["PYTHONPATH", "ROOT"]

ROOT = Path(__file__).resolve().parents[1]
PYTHONPATH = os.pathsep.join(str(ROOT / name) for name in ("", "processor", "models", "study"))

"""Where processes of their own import this tree's packages and its tests from."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["PYTHONPATH"]

_ROOT = Path(__file__).resolve().parents[1]
PYTHONPATH = os.pathsep.join(str(_ROOT / name) for name in ("", "processor", "models", "study"))

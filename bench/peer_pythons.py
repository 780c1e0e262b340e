"""Environments for peers that ours can't hold, made once under bench/out."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

__all__ = ["last_line", "made"]

_OUT = Path(__file__).parent / "out"


def made(name: str, base: str, packages: Sequence[str], probe: str) -> Path | str:
    """The Python of an environment of `base`'s version with these packages; why it can't be had, in a line.

    probe: what must run in it before it counts as made.
    """
    folder = _OUT / name
    python, ready = folder / "bin" / "python", folder / ".ready"
    if ready.exists() and python.exists():
        return python
    for command in (
        [base, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *packages],
        [str(python), "-c", probe],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            return f"{packages[0]} can't be installed: {last_line(done.stderr)}"
    ready.touch()
    return python


def last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]

"""Packages for Node.js, installed where its runtime is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.harness.needed import lacking

__all__ = ["installed"]


def installed(package: Path, folder: Path) -> str:
    """Copy a package to a folder and install what it needs there; the path of `node`. Skips where that
    can't be, or fails.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        lacking("node", "Node.js with npm is not installed")
    shutil.copytree(package, folder, ignore=shutil.ignore_patterns("node_modules"))
    install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        lacking("node", f"npm can't install what {package.name} needs: {done.stderr[-200:]}")
    return node

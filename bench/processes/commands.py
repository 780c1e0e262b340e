"""Commands as their users start them: processes of their own, which know their settings by variables."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from unlearn.settings import Settings

__all__ = ["Done", "run_command", "variables"]

_WITHIN = 3600.0


class Done(NamedTuple):
    """A command that has ended: wall seconds of its whole process, exit code, and what it printed."""

    seconds: float
    code: int
    stdout: str
    stderr: str


def run_command(settings: Settings, folder: Path, *arguments: str) -> Done:
    """`unlearn` with these arguments, in the folder. Raises TimeoutError if it doesn't end."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "unlearn.cli.main", *arguments],
            env=_without_ours() | variables(settings),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=_WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"unlearn {arguments[0]} did not end in {_WITHIN:g} s") from None
    return Done(time.monotonic() - began, done.returncode, done.stdout, done.stderr)


def _without_ours() -> dict[str, str]:
    """This process's variables without settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("UNLEARN_")}


def variables(settings: Settings) -> dict[str, str]:
    """The settings as variables, those alone that `Environment.model` sets and the learner's."""
    return {
        "UNLEARN_MODEL": settings.model,
        "UNLEARN_PARTITIONS": str(settings.partitions),
        "UNLEARN_STORE__URL": settings.store.url,
        "UNLEARN_SERVICES_DIR": str(settings.services_dir),
        "UNLEARN_SECRET": settings.secret.get_secret_value(),
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "UNLEARN_REDIS__URL": settings.redis.url.get_secret_value(),
        "UNLEARN_LEARNER": settings.learner,
        "UNLEARN_FEATURES": str(settings.features),
    }

"""`unlearn` in a process that stops itself at a chosen call, by SIGSTOP: whoever wants it to go on sends SIGCONT."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from signal import SIGSTOP
from unittest.mock import patch

import psutil

from tests.faults.calls import Calls, Point
from tests.harness.processes import Process
from tests.harness.waiting import until
from tests.source_roots import PYTHONPATH
from unlearn.cli.main import main
from unlearn.settings import Settings


def halting(settings: Settings, folder: Path, point: Point, **changed: str) -> Process:
    """A worker that will stop there."""
    arguments = ("-m", "tests.faults.halting", json.dumps(point), str(folder / "journal"), "work")
    with patch("tests.harness.processes.UNLEARN", sys.executable):
        return Process(settings, folder, *arguments, PYTHONPATH=PYTHONPATH, **changed)


def wait_halted(process: Process) -> None:
    until(lambda: is_halted(process), 60, "it has come to the point")


def is_halted(process: Process) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


if __name__ == "__main__":
    Calls(Point(*json.loads(sys.argv[1])), SIGSTOP, sys.argv[2]).watch_all()
    main(sys.argv[3:])

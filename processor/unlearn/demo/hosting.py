"""The demo's workers: real `unlearn work` processes, or a thread where the log is in this process."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path
from typing import Protocol

from unlearn.demo.place import worker_process
from unlearn.environment.private_files import make_folder
from unlearn.errors import UnlearnError
from unlearn.log.protocol import Log
from unlearn.settings import Settings
from unlearn.worker.lifecycle import make_worker, run

__all__ = ["WorkerProcesses", "WorkerThread", "Workers"]

_log = logging.getLogger(__name__)
_ENTRY = "from unlearn.cli.main import main; main()"


class Workers(Protocol):
    """The workers of one run."""

    def start(self) -> None:
        """Starts them, without waiting until they work."""

    def failure(self) -> str | None:
        """Why a worker has ended by itself; None while none has."""

    def stop(self) -> None:
        """Lets them finish what is under way, within the settings' limit. Safe to repeat."""


class WorkerProcesses:
    """Worker processes in folders of their own, so that the next run finds them if this one is killed."""

    def __init__(self, folder: Path, config: Path, count: int, patience: float) -> None:
        self._patience = patience
        self._processes = [worker_process(folder, number) for number in range(1, count + 1)]
        hidden = [argument for name in os.environ if name.upper().startswith("UNLEARN_") for argument in ("-u", name)]
        self._command = ["env", *hidden, sys.executable, "-c", _ENTRY, "--config", str(config.absolute()), "work"]

    def start(self) -> None:
        for process in self._processes:
            make_folder(process.folder)
            process.start(self._command)

    def failure(self) -> str | None:
        for process in self._processes:
            if process.running() is None:
                return f"{process.folder.name} ended by itself; the end of {process.log}:\n{process.log_end(12)}"
        return None

    def stop(self) -> None:
        for process in self._processes:
            process.stop(self._patience)


class WorkerThread:
    """One worker in a thread of this process."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self._stopping = threading.Event()
        self._failed: str | None = None
        self._thread = threading.Thread(target=self._run, args=(settings, log), name="worker", daemon=True)
        self._patience = settings.drain_within + 10.0

    def start(self) -> None:
        self._thread.start()

    def _run(self, settings: Settings, log: Log) -> None:
        try:
            with make_worker(settings, log) as worker:
                run(worker, settings, self._stopping.is_set)
        except UnlearnError as error:
            self._failed = str(error)
        except Exception as error:  # noqa: BLE001  the run reports it, whatever it is
            self._failed = f"{type(error).__name__}: {error}"
            _log.exception("the worker failed")

    def failure(self) -> str | None:
        if self._thread.is_alive() or self._stopping.is_set():
            return None
        return f"the worker ended by itself: {self._failed or 'without an error'}"

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(self._patience)

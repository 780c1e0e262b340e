"""A process that outlives the command that started it, and is found again by its pid file.

It runs in a folder of its own. The pid in the file counts only if that process works in this very folder, so a pid
that another process has got meanwhile is recognised as such.
"""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from unlearn.environment.private_files import make_file, make_folder
from unlearn.errors import SettingsError
from unlearn.services.protocol import wait_until

# The inner shell writes its own pid before it becomes the service, so no kill leaves a service running without its
# file. The outer one ends at once, so that whoever started the service need not reap it.
_DETACHED = """sh -c 'echo $$ > pid.new && mv pid.new pid && exec "$@"' sh "$@" &"""
_PID_WITHIN = 10.0
PRIVATE = 0o077
"""The umask for what services write: for their owner alone."""


class LocalProcess:
    """One long-lived process with its folder, pid file and log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "log.txt"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Inside the `with` block, other commands wait for the folder, which is made if need be.

        Raises SettingsError.
        """
        try:
            make_folder(self.folder)
        except OSError as error:
            raise SettingsError(
                f"the folder {self.folder} can't be made ({error.strerror}): name another in UNLEARN_SERVICES_DIR"
            ) from None
        with make_file(self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def start(self, command: Sequence[str]) -> None:
        """Start `command` in its folder, in a session of its own. The log before it is kept as `log.old.txt`."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".old.txt"))
        (self.folder / "pid").unlink(missing_ok=True)
        with make_file(self.log).open("wb") as log:
            subprocess.run(
                ["/bin/sh", "-c", _DETACHED, "sh", *command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE,
                check=True,
            )
        wait_until((self.folder / "pid").exists, _PID_WITHIN)

    def running(self) -> psutil.Process | None:
        """The process, if it runs; else None."""
        try:
            process = psutil.Process(int((self.folder / "pid").read_text()))
            ours = Path(process.cwd()).samefile(self.folder)
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, psutil.Error):
            return None

    def stop(self, patience: float) -> bool:
        """Asks it to end, and kills it after `patience` seconds. False if it didn't run."""
        process = self.running()
        if process:
            self._signal(process.terminate)
            if not self._ended(patience):
                self._signal(process.kill)
                self._ended(patience)
        (self.folder / "pid").unlink(missing_ok=True)
        return process is not None

    def _signal(self, send: Callable[[], None]) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            send()

    def _ended(self, patience: float) -> bool:
        # Not by psutil's wait, which also waits until the dead process is reaped; its parent does that, not we.
        return wait_until(lambda: self.running() is None, patience)

    def log_end(self, lines: int = 20) -> str:
        """The last lines of its log; empty if there is none."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

"""The most memory that processes have ever had resident."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

__all__ = ["Peaks", "watched"]

_EVERY = 0.5


class Peaks:
    """Bytes by process: those named, and under `NAME's children` the largest of each one's children."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self.bytes: dict[str, int] = {}
        self._processes = {name: psutil.Process(pid) for name, pid in processes.items()}

    def look(self) -> None:
        """Read them all once more. What has ended since keeps what was last seen of it."""
        for name, process in self._processes.items():
            with suppress(psutil.Error):
                self._note(name, process)
                for child in process.children(recursive=True):
                    self._note(f"{name}'s children", child)

    def _note(self, name: str, process: psutil.Process) -> None:
        with suppress(psutil.Error):
            self.bytes[name] = max(self.bytes.get(name, 0), _peak(process))


@contextmanager
def watched(processes: Mapping[str, int]) -> Iterator[Peaks]:
    """While it lasts, the processes, by pid, are looked at twice a second."""
    peaks, done = Peaks(processes), threading.Event()

    def look() -> None:
        while not done.wait(_EVERY):
            peaks.look()

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        peaks.look()
        done.set()
        thread.join()


def _peak(process: psutil.Process) -> int:
    """The kernel's own mark; where it keeps none, what is resident now."""
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return int(process.memory_info().rss)
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)

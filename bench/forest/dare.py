"""dare_rf in an environment of its own: its wheel wants Python 3.10 and numpy below 2."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from bench.peer_pythons import made

__all__ = ["Dare", "Ended", "environment", "started"]

_PACKAGES = ("dare-rf==1.1.4", "numpy<2")
_VERSION = "3.10"
_SIDE = Path(__file__).with_name("dare_side.py")


class Ended(Exception):
    """The process did not answer; the text says why."""


class Dare:
    """A process that holds one forest.  Times are its CPU seconds.  Raises Ended where it is no more."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def build(self, rows: Sequence[int], seed: int) -> float:
        return float(self._ask("build", list(rows), seed))

    def delete(self, places: Sequence[Sequence[int]]) -> list[float]:
        """Seconds of each deletion of the rows at these places among those that were built from."""
        return [float(took) for took in self._ask("delete", [list(one) for one in places])]

    def right(self, rows: Sequence[int]) -> float:
        """Share of the rows that it classifies as they are."""
        return float(self._ask("right", list(rows)))

    def counted_bytes(self) -> int:
        """Of the forest without its rows, by its own count."""
        return int(self._ask("counted_bytes"))

    def resident_bytes(self) -> int:
        """Of its process, once it has loaded what it needs."""
        self._ask("waits")
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def _ask(self, *question: Any) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Ended(f"it ended with exit code {self._process.wait()}") from None
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Ended(f"it ended with exit code {self._process.wait()}")
        return json.loads(line)


@contextmanager
def started(python: Path, data: Path, *folders: Path) -> Iterator[Dare]:
    """dare_rf on the core of this process.  data and folders: see `forest_dare_side`."""
    command = [str(python), str(_SIDE), str(data), *map(str, folders)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Dare(process)
    finally:
        process.kill()
        with suppress(BrokenPipeError):  # of a question that it did not live to read
            process.communicate()


def environment() -> Path | str:
    """The Python of an environment that holds dare_rf, made where there is none; or why it can't be had."""
    base = _python()
    if base is None:
        return f"there is no Python {_VERSION}: none on the PATH, from pyenv or from uv"
    return made("dare", base, _PACKAGES, "import dare")


def _python() -> str | None:
    """A Python of the wheel's version that runs; a name on the PATH may be a shim without one behind it."""
    return next((found for found in _candidates() if _output([found, "-c", _TELL]) == _VERSION), None)


_TELL = "import sys; print('%d.%d' % sys.version_info[:2])"


def _candidates() -> Iterator[str]:
    yield f"python{_VERSION}"
    for version in (_output(["pyenv", "versions", "--bare"]) or "").split():
        if version.startswith(f"{_VERSION}.") and (prefix := _output(["pyenv", "prefix", version])):
            yield str(Path(prefix) / "bin" / "python")
    if found := _output(["uv", "python", "find", _VERSION]):
        yield found


def _output(command: list[str]) -> str | None:
    """What it prints; None where it fails or isn't there."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() if done.returncode == 0 else None

"""`unlearn` commands in processes of their own, with the environment that settings describe."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import BaseModel, SecretStr

from unlearn.mapping.mapping import Mapping as EventMapping
from unlearn.settings import Settings

T = TypeVar("T")
UNLEARN = str(Path(sys.executable).with_name("unlearn"))


def environment(settings: Settings, **changed: str) -> dict[str, str]:
    """This process's environment, with the settings' values and those of `changed` as the only UNLEARN_ ones."""
    others = {name: value for name, value in os.environ.items() if not name.upper().startswith("UNLEARN_")}
    return others | dict(_variables(settings, "UNLEARN_")) | changed


def _variables(settings: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, EventMapping):
            yield prefix + name.upper(), str(value)
        elif isinstance(value, BaseModel):
            yield from _variables(value, f"{prefix}{name.upper()}__")
        elif isinstance(value, SecretStr):
            yield prefix + name.upper(), value.get_secret_value()
        elif value is not None:
            shown = json.dumps(value) if isinstance(value, dict | list | tuple | bool) else str(value)
            yield prefix + name.upper(), shown


class Process:
    """One command. Its standard error goes to a file, as lines of JSON; it is killed at the latest on leaving."""

    _count = 0

    def __init__(self, settings: Settings, folder: Path, *arguments: str, **changed: str) -> None:
        Process._count += 1
        folder.mkdir(parents=True, exist_ok=True)
        self._stderr = folder / f"{Process._count}.err"
        with self._stderr.open("wb") as errors:
            self.popen = subprocess.Popen(
                [UNLEARN, *arguments],
                env=environment(settings, **changed),
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait(10)

    @property
    def pid(self) -> int:
        return self.popen.pid

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, seconds: float) -> int:
        """The exit code. Fails the test after `seconds`."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the process has not ended in {seconds:g} s:\n{self.errors()[-2000:]}") from None

    def stop(self, seconds: float = 40.0) -> int:
        """Ask it to end, and wait. Returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def errors(self) -> str:
        """All of its standard error so far."""
        return self._stderr.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """Its log lines so far."""
        texts = self.errors().splitlines(keepends=True)
        return [json.loads(text) for text in texts if text.startswith("{") and text.endswith("\n")]

    def said(self, words: str) -> list[str]:
        """The messages so far that hold the words."""
        return [line["message"] for line in self.lines() if words in line["message"]]

    def counters(self) -> Counter[str]:
        """What it counted in its life, as it said when it left."""
        return Counter(next((line["counters"] for line in self.lines() if "counters" in line), {}))


class _CommandServer:
    """A process that has loaded everything, and forks for each command: Python's start costs seconds of CPU."""

    def __init__(self) -> None:
        self._popen = _forking("serve", os.environ)

    def run(self, case: Mapping[str, Any], seconds: float) -> int:
        """The exit code. Raises subprocess.TimeoutExpired."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(case) + "\n")
        self._popen.stdin.flush()
        pid, late = self._answer(), threading.Event()

        def end() -> None:
            late.set()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

        timer = threading.Timer(seconds, end)
        timer.start()
        code = self._answer()
        timer.cancel()
        if late.is_set():
            raise subprocess.TimeoutExpired(case["arguments"], seconds)
        return code

    def close(self) -> None:
        self._popen.kill()
        self._popen.communicate()

    def _answer(self) -> int:
        assert self._popen.stdout is not None
        return int(self._popen.stdout.readline())


@cache
def _command_server() -> _CommandServer:
    server = _CommandServer()
    atexit.register(server.close)
    return server


def run(settings: Settings, *arguments: str, given: str = "", seconds: float = 60.0, **changed: str) -> Ended:
    """Run a command to its end, with the input that is given."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").write_text(given)
        case = Case(arguments, changed, input=str(folder / "in"))
        code = _command_server().run(_asked(settings, folder, "", case), seconds)
        return _ended(folder, "", case, code)


class Case(NamedTuple):
    """Arguments of `unlearn`, and UNLEARN_ variables to change.

    `streams`: "no input", "no output" and "no errors" are closed; to a "full" output nothing can be written, its
    reader has "left", or it and the input are in "ascii". `input` is a file.
    """

    arguments: tuple[str, ...]
    changed: Mapping[str, str] = MappingProxyType({})
    streams: str = ""
    input: str = os.devnull


def run_each(
    settings: Settings, folder: Path, cases: Mapping[str, Case], seconds: float = 60.0, at_once: int = 1000
) -> dict[str, Ended]:
    """Run the cases, each to its end in a process of its own; Python is started only once for them."""
    asked = {name: _asked(settings, folder, name, case) for name, case in cases.items()}
    popen = _forking(str(at_once), environment(settings))
    try:
        answer, _ = popen.communicate(json.dumps(asked), timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait(10)
    codes: dict[str, int] = json.loads(answer)
    return {name: _ended(folder, name, case, codes[name]) for name, case in cases.items()}


def _forking(argument: str, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("forking.py")), argument],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _asked(settings: Settings, folder: Path, name: str, case: Case) -> dict[str, Any]:
    return {
        "arguments": case.arguments,
        "environment": environment(settings, **case.changed),
        "out": str(folder / f"{name}.out"),
        "err": str(folder / f"{name}.err"),
        "streams": case.streams,
        "input": case.input,
        "folder": str(Path.cwd()),
    }


def _ended(folder: Path, name: str, case: Case, code: int) -> Ended:
    out, err = ((folder / f"{name}.{end}").read_text() for end in ("out", "err"))
    return Ended(list(case.arguments), code, out, err)


Ended = subprocess.CompletedProcess[str]

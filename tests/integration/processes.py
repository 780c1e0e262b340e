"""`unlearn` commands in processes of their own, with the environment that settings describe."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self, TypeVar

from pydantic import BaseModel, SecretStr

from unlearn.settings import Settings

T = TypeVar("T")
UNLEARN = str(Path(sys.executable).with_name("unlearn"))


def until(look: Callable[[], T], seconds: float, what: str) -> T:
    """What `look` gives as soon as that is true. Fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return found


def environment(settings: Settings, **changed: str) -> dict[str, str]:
    """This process's environment, with the settings' values and those of `changed` as the only UNLEARN_ ones."""
    others = {name: value for name, value in os.environ.items() if not name.upper().startswith("UNLEARN_")}
    return others | dict(_variables(settings, "UNLEARN_")) | changed


def _variables(settings: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
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


def run(settings: Settings, *arguments: str, given: str = "", seconds: float = 60.0, **changed: str) -> Ended:
    """Run a command to its end."""
    return subprocess.run(
        [UNLEARN, *arguments],
        env=environment(settings, **changed),
        input=given,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


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
    asked = {
        name: {
            "arguments": case.arguments,
            "environment": environment(settings, **case.changed),
            "out": str(folder / f"{name}.out"),
            "err": str(folder / f"{name}.err"),
            "streams": case.streams,
            "input": case.input,
        }
        for name, case in cases.items()
    }
    runner = Path(__file__).with_name("forking.py")
    popen = subprocess.Popen(
        [sys.executable, str(runner), str(at_once)],
        env=environment(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        answer, _ = popen.communicate(json.dumps(asked), timeout=seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait(10)
    codes: dict[str, int] = json.loads(answer)
    return {
        name: Ended(
            list(case.arguments),
            codes[name],
            (folder / f"{name}.out").read_text(),
            (folder / f"{name}.err").read_text(),
        )
        for name, case in cases.items()
    }


Ended = subprocess.CompletedProcess[str]

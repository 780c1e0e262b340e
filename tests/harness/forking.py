"""Runs `unlearn` commands in forks of one process that has loaded everything: a fresh start costs seconds of CPU.

Its argument is how many run at once. Reads from standard input a JSON object,
name -> {arguments, environment, input, out, err, streams, folder}, and answers name -> exit code. `streams` says what
is odd about the standard streams, see `processes.Case`; `folder` is where the command is started.

With the argument `serve` it reads such a command from each line, one after the other, and answers each with two lines:
its process id when it was started, its exit code when it has ended.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from unlearn.cli.main import COMMANDS, main

LOADED = (
    "unlearn.log.kafka.log",
    "unlearn.worker.lifecycle",
    "unlearn.verification.from_store",
    "unlearn.verification.from_log",
    "unlearn.scoring.scorer",
)


def _closed(number: int, name: str) -> None:
    """As Python starts where the number is closed."""
    os.close(number)
    setattr(sys, name, None)
    setattr(sys, f"__{name}__", None)


def _left() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.dup2(writing, 1)


def _ascii() -> None:
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(encoding="ascii", errors="strict")  # type: ignore[union-attr]


ODDITIES: dict[str, Callable[[], object]] = {
    "": lambda: None,
    "no input": lambda: _closed(0, "stdin"),
    "no output": lambda: _closed(1, "stdout"),
    "no errors": lambda: _closed(2, "stderr"),
    "full": lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), 1),
    "left": _left,
    "ascii": _ascii,
}


def fork(case: dict[str, Any]) -> int:
    """The pid of a process that runs the command."""
    return os.fork() or run(case)


def run(case: dict[str, Any]) -> NoReturn:
    code: Any = 1
    try:
        os.chdir(case["folder"])
        os.dup2(os.open(case["input"], os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(case[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        ODDITIES[case["streams"]]()
        os.environ.clear()
        os.environ.update(case["environment"])
        main(case["arguments"])
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001  as Python itself ends
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)


def codes_of(cases: dict[str, Any], at_once: int) -> dict[str, int]:
    codes: dict[str, int] = {}
    running: dict[int, str] = {}
    waiting = list(cases)
    while waiting or running:
        while waiting and len(running) < at_once:
            name = waiting.pop(0)
            running[fork(cases[name])] = name
        pid, status = os.wait()
        codes[running.pop(pid)] = os.waitstatus_to_exitcode(status)
    return codes


def serve() -> None:
    for line in sys.stdin:
        pid = fork(json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    for module in (*LOADED, *(target.partition(":")[0] for target in COMMANDS.values())):
        importlib.import_module(module)
    if sys.argv[1] == "serve":
        serve()
    else:
        print(json.dumps(codes_of(json.load(sys.stdin), int(sys.argv[1]))))

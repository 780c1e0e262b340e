"""Runs `unlearn` commands in forks of one process that has loaded everything: a fresh start costs seconds of CPU.

Reads from standard input a JSON object, name -> {arguments, environment, out, err}, and answers name -> exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any, NoReturn

from processor.cli.main import COMMANDS, main

LOADED = ("processor.log.kafka", "processor.running", "processor.verify", "processor.verify_log", "processor.scorer")


def fork(case: dict[str, Any]) -> int:
    """The pid of a process that runs the command."""
    return os.fork() or run(case)


def run(case: dict[str, Any]) -> NoReturn:
    code: Any = 1
    try:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(case[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.environ.clear()
        os.environ.update(case["environment"])
        main(case["arguments"])
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001  as Python itself ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for module in (*LOADED, *(target.partition(":")[0] for target in COMMANDS.values())):
        importlib.import_module(module)
    pids = {name: fork(case) for name, case in json.load(sys.stdin).items()}
    print(json.dumps({name: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for name, pid in pids.items()}))

"""Runs `unlearn` worker processes that kill themselves at a chosen call, one after the other, and a last one whole.

Reads from standard input a JSON object, name -> {environment, points: [[name, nth, after]...], first, ended_after,
journal, err}: one process for each point, each beginning where the one before was killed, and then a drain. All
but that are told `first`, and asked to end after so many seconds, if any. Each one's calls go to a journal, a name
a line. Answers name -> the exit codes. All are forks of one process that has loaded everything.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.faults.calls import Calls, Point
from tests.harness.forking import LOADED, run

AT_ONCE = 6
WITHIN = 60
"""Seconds until a process that doesn't come to its end is ended."""


def fork(case: dict[str, Any], number: int, point: Point | None, arguments: list[str]) -> int:
    pid = os.fork()
    if pid == 0:
        signal.alarm(WITHIN)
        # In a group of its own: it need not wait for the dead one's session to end.
        environment = case["environment"] | ({"UNLEARN_KAFKA__GROUP_ID": f"again{number}"} if number else {})
        Calls(point, signal.SIGKILL, f"{case['journal']}.{number}").watch_all()
        err = f"{case['err']}.{number}"
        out = {"input": os.devnull, "out": err + ".out", "err": err, "streams": "", "folder": "."}
        run({"arguments": arguments, "environment": environment, **out})
    return pid


def wait(pid: int, ended_after: float) -> int:
    timer = threading.Timer(ended_after, os.kill, (pid, signal.SIGTERM))
    if ended_after:
        timer.start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    timer.cancel()
    return code


def all_of(case: dict[str, Any]) -> list[int]:
    points = [Point(*point) for point in case["points"]]
    if case["ended_after"]:
        return [wait(fork(case, 0, None, case["first"]), case["ended_after"])]
    codes = [wait(fork(case, number, point, case["first"]), 0) for number, point in enumerate(points)]
    return [*codes, wait(fork(case, len(points), None, ["work", "--drain"]), 0)]


if __name__ == "__main__":
    for module in (
        *LOADED,
        "unlearn.cli.commands.operators.work",
        "unlearn_models.naive_bayes.multinomial",
        "unlearn.training.pool",
    ):
        importlib.import_module(module)
    cases = json.load(sys.stdin)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        print(json.dumps(dict(zip(cases, threads.map(all_of, cases.values()), strict=True))))

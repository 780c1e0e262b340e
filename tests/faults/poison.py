"""Rows that their trainer can't stand. Runs in the trainer's process, in place of `unlearn.training.pool._run`."""

from __future__ import annotations

import os
import signal
import time

from unlearn.partition.cleanups.covers import Covers
from unlearn.partition.jobs import Job, Trained
from unlearn.partition.rows import deaths
from unlearn.storage.slice_files import read_slice
from unlearn.training import pool

KILLS, HANGS, STARVES = 1001, 1002, 1003
"""How often a row's word stands in it, and what that does."""
_run = pool._run


def run(job: Job) -> Trained:
    """The job, unless a living row of it is poison."""
    for part in job.learn:
        members = read_slice(pool._Process.store, part.file)
        death, _ = deaths(members, part.holes, Covers(job.covers))
        values = members.take(death >= job.applied).rows.values
        if KILLS in values:
            os.kill(os.getpid(), signal.SIGKILL)
        if HANGS in values:
            time.sleep(3600)
        if STARVES in values:
            bytearray(2**62)
    return _run(job)

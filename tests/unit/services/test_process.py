from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from unlearn.services.process import LocalProcess
from unlearn.services.protocol import wait_until

STUBBORN = ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[LocalProcess]:
    process = LocalProcess(tmp_path / "with a space")
    with process.lock():
        yield process
    process.stop(0.0)


def test_a_process_is_found_by_another_command_and_stopped(process: LocalProcess) -> None:
    process.start(["sleep", "60"])
    found = LocalProcess(process.folder).running()
    assert found is not None
    assert process.stop(5.0)
    assert process.running() is None
    assert not process.stop(5.0)


def test_a_process_that_ignores_the_request_is_killed(process: LocalProcess) -> None:
    process.start(STUBBORN)
    assert wait_until(lambda: process.log_end() == "ready", 60.0)
    found = process.running()
    assert found is not None
    assert process.stop(0.1)
    assert wait_until(lambda: not found.is_running() or found.status() == psutil.STATUS_ZOMBIE, 60.0)


@pytest.mark.parametrize("content", ["", "no pid", "-1", "999999999", "ours"])
def test_a_stale_pid_file_names_no_process(process: LocalProcess, content: str) -> None:
    (process.folder / "pid").write_text(str(os.getpid()) if content == "ours" else content)
    assert process.running() is None
    assert not process.stop(5.0)
    assert not (process.folder / "pid").exists()


def test_the_log_before_is_kept_once(process: LocalProcess) -> None:
    for word in ("first", "second", "third"):
        process.start(["echo", word])
        assert wait_until(lambda: process.running() is None and process.log_end() != "", 60.0)
        assert process.log_end() == word
    assert (process.folder / "log.old.txt").read_text() == "second\n"


def test_a_command_that_is_missing_ends_with_its_reason_in_the_log(process: LocalProcess) -> None:
    process.start(["no-such-program"])
    assert wait_until(lambda: process.running() is None, 60.0)
    assert "no-such-program" in process.log_end()

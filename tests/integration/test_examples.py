"""The programs in examples/ do what they say, against a real Kafka and Redis."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.harness.processes import Ended, Process, environment, run
from unlearn import NotEnough, Settings, StillOpen

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = [("h", "ham", "see you at noon"), ("s", "spam", "win cash now")]


@contextmanager
def started(settings: Settings, name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env=environment(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(settings: Settings, name: str, *arguments: str, given: str = "") -> Ended:
    with started(settings, name, *arguments) as process:
        out, err = process.communicate(given, timeout=120)
    return subprocess.CompletedProcess([name], process.returncode, out, err)


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    made = make_settings(partitions=2, shards_per_partition=2, features=2**10, trainers=0)
    done = run(made, "topics", "create")
    assert done.returncode == 0, done.stderr
    return made


def test_a_sender_gets_its_receipt_and_a_probe_tells_the_lag_before_and_after(settings: Settings) -> None:
    with started(settings, "send_deletion.py") as sender:
        # Given an insert and a deletion that no worker has read
        assert sender.stdout is not None
        _sent, event_id, *_ = sender.stdout.readline().split()
        before = ended(settings, "watch_lag.py", "--lag", "1")

        # When a worker applies them
        drained = run(settings, "work", "--drain", seconds=120)
        out, err = sender.communicate(timeout=120)

    # Then the sender gets both receipts of its deletion, and the probe is content
    assert drained.returncode == 0, drained.stderr
    assert sender.returncode == 0, err
    states, receipts = zip(*(line.split(" ", 1) for line in out.splitlines()), strict=True)
    assert states[-1] == "hidden"
    assert set(states) <= {"accepted", "hidden"}
    assert {json.loads(receipt)["event_id"] for receipt in receipts} == {event_id.removesuffix(":")}
    assert json.loads(receipts[-1])["version"] is not None
    assert (before.returncode, before.stdout) == (
        1,
        "late: lag 2, unfinished deletions 0, oldest 0 s, overdue 0, stopped partitions []\n",
    ), before.stderr
    after = ended(settings, "watch_lag.py", "--lag", "1")
    assert after.returncode == 0, after.stderr
    assert after.stdout == "ok: lag 0, unfinished deletions 0, oldest 0 s, overdue 0, stopped partitions []\n"


def test_a_python_sender_forgets_and_waits_and_says_what_is_open(settings: Settings) -> None:
    # Given no worker
    late = ended(settings, "forget_and_wait.py", "--patience", "0")
    assert late.returncode == StillOpen.exit_code
    assert late.stderr.startswith("open: the deletion ")

    # When one comes meanwhile
    with started(settings, "forget_and_wait.py") as sender:
        assert sender.stdout is not None
        assert sender.stdout.readline().startswith("sent ")
        drained = run(settings, "work", "--drain", seconds=120)
        out, err = sender.communicate(timeout=120)

    # Then the deletion is accepted and hidden
    assert drained.returncode == 0, drained.stderr
    assert sender.returncode == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ["accepted", "hidden"]


def test_a_probe_hands_on_that_a_topic_is_missing(make_settings: MakeSettings) -> None:
    asked = ended(make_settings(), "watch_lag.py")

    assert (asked.returncode, asked.stdout) == (66, "")
    assert "isn't there" in asked.stderr


def test_a_stream_is_scored_while_a_worker_stays_and_not_before(settings: Settings, tmp_path: Path) -> None:
    # Given a record of each label, which no worker has read: there is no answer
    kept = {"type": "insert", "subject_id": "ann"}
    lines = [{**kept, "event_id": key, "record_id": key, "label": label, "text": text} for key, label, text in ROWS]
    sent = run(settings, "send", "-", given="\n".join(map(json.dumps, lines)))
    assert sent.returncode == 0, sent.stderr
    asked = ended(settings, "score_stream.py", "--patience", "0", given="win cash now\n")
    assert (asked.returncode, asked.stdout) == (NotEnough.exit_code, ""), asked.stderr
    assert "no manifest" in asked.stderr

    # When they are published, and a worker stays
    drained = run(settings, "work", "--drain", seconds=120)
    assert drained.returncode == 0, drained.stderr
    with Process(settings, tmp_path / "worker", "work"):
        asked = ended(settings, "score_stream.py", given="win cash now\nsee you at noon\n")

    # Then each line is scored
    assert asked.returncode == 0, asked.stderr
    scored = [line.split() for line in asked.stdout.splitlines()]
    assert [(line[0], " ".join(line[4:])) for line in scored] == [("spam", "win cash now"), ("ham", "see you at noon")]
    assert all(0.5 < float(line[1]) <= 1.0 for line in scored)


def test_the_index_leads_to_every_example() -> None:
    rows = re.findall(r"^\| `(.+?)` \|", (EXAMPLES / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    programs = (path for kind in ("*.py", "*.java", "*.js") for path in EXAMPLES.rglob(kind))
    assert set(rows) == {str(path.relative_to(EXAMPLES)) for path in programs if "node_modules" not in path.parts}

"""What the three users paste from their guides works, one after the other on one model; and so does reshaping it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import uuid
from collections.abc import Mapping
from contextlib import closing
from itertools import takewhile
from pathlib import Path

import pytest

from tests.conftest import MakeSettings
from tests.harness.processes import UNLEARN, Process, environment
from unlearn.admin.topics import create
from unlearn.log.kafka.log import KafkaLog

pytestmark = pytest.mark.slow
EVER = 300.0
DOCS = Path(__file__).parents[2] / "docs"


def block_of(page: str, name: str) -> str:
    """The commands of the page's block with this name."""
    rest = (DOCS / page).read_text().partition(f"<!-- {name} -->\n\n")[2]
    lines = takewhile(lambda line: line.startswith("    "), rest.splitlines())
    return "\n".join(line[4:] for line in lines)


def pasted(commands: str, folder: Path, variables: Mapping[str, str]) -> str:
    """What they print; each must succeed."""
    assert commands.count("unlearn ") >= 3
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=EVER,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_commands_of_the_guides_work_as_they_stand(make_settings: MakeSettings, tmp_path: Path) -> None:
    # Given a model without events, and a worker for as long as senders wait
    # No lease ends between two commands, however slow the machine is: status would tell that nobody works any more.
    settings = make_settings(partitions=2, shards_per_partition=1, trainers=0, seal_after=0.5, lease=3600.0)
    with closing(KafkaLog(settings.kafka)) as log:
        create(log, settings)
    variables = environment(settings, PATH=f"{Path(UNLEARN).parent}{os.pathsep}{os.environ['PATH']}")

    # When each user pastes the commands of the guide
    with Process(settings, tmp_path / "logs", "work") as worker:
        sent = pasted(block_of("upstream.md", "upstream"), tmp_path, variables)
        worker.signal(signal.SIGTERM)
        assert worker.wait(EVER) == 0, worker.errors()
    ops = pasted(block_of("ops.md", "ops"), tmp_path, variables)
    scored = pasted(block_of("scorers.md", "scorers"), tmp_path, variables)
    new = {"NEW": f"t{uuid.uuid4().hex[:12]}"}
    reshaped = pasted(block_of("operations.md", "reshape"), tmp_path, variables | new)

    # Then they see what the guide says
    assert "1 hidden" in sent
    assert len(re.findall(r"^equal: 2 equal of 2 shards", ops, re.MULTILINE)) == 2
    assert len(re.findall(r"^(?:ham|spam) ", scored, re.MULTILINE)) == 2
    assert "equal: 4 equal of 4 shards" in reshaped

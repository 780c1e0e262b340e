"""What a newcomer pastes from the README works, and again, and in another terminal."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.harness.processes import UNLEARN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

README = (Path(__file__).parents[2] / "README.md").read_text()


def quick_start() -> str:
    """The block of commands below its heading, as a browser shows it."""
    (block,) = re.findall(r"## Watch a deletion vanish\n\n((?:    .*\n)+)", README)
    return re.sub(r"(?m)^    ", "", block)


def paste(commands: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Into a new shell in that folder. It ends at the first command that fails."""
    folder.mkdir()
    script = f"set -e -o pipefail\n{commands}"
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )


def test_the_quick_start_can_be_pasted_twice_from_two_shells(kafka: str, redis_url: str, tmp_path: Path) -> None:
    # Given the README's commands, with a model of this test's own, and a user whose services are those of the tests
    commands = quick_start()
    assert commands.count("unlearn init mail") == 1
    commands = commands.replace("unlearn init mail", f"unlearn init t{uuid.uuid4().hex[:12]}")
    others = {name: value for name, value in os.environ.items() if not name.startswith(("UNLEARN_", "XDG_"))}
    environment = others | {
        "HOME": str(tmp_path),
        "PATH": f"{Path(UNLEARN).parent}{os.pathsep}{os.environ['PATH']}",
        "UNLEARN_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "UNLEARN_REDIS__URL": redis_url,
    }

    for shell in ("first", "second"):
        # When they are pasted, each time into a new shell in another folder
        ended = paste(commands, tmp_path / shell, environment)

        # Then the record is a member and then forgotten, and its word for spam is gone with it
        assert ended.returncode == 0, ended.stderr[-3000:]
        states = re.findall(r"^t1  (member|forgotten)", ended.stdout, re.MULTILINE)
        labels = re.findall(r"^(spam|ham) +(?:[\d.]+ +){2}win cash now$", ended.stdout, re.MULTILINE)
        assert (states, labels) == (["member", "forgotten"], ["spam", "ham"])
        assert ended.stdout.count("equal: 12 equal of 12 shards") == 2
        assert list((tmp_path / shell).iterdir()) == []

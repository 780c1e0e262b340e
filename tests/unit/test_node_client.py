"""The tests of the scorer for Node.js in clients/js, which run the conformance vectors through it.

They need Node.js; where it is missing the test is skipped, and says so.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.harness.needed import lacking

CLIENT = Path(__file__).parents[2] / "clients" / "js"


def test_the_node_client_passes_its_tests() -> None:
    node = shutil.which("node")
    if node is None:
        lacking("node", "Node.js is not installed")

    done = subprocess.run(
        [node, "--test", *map(str, sorted(CLIENT.glob("test/*.test.js")))],
        cwd=CLIENT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:]
    assert "\n# fail 0\n" in done.stdout
    assert "\n# skipped 0\n" in done.stdout

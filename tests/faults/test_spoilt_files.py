"""A slice file that can't be used holds up its own shard, and nothing else: never the claim, never a receipt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.checks import unanswered, wrong_manifests, wrong_receipts
from tests.harness.events import SEAL, delete
from tests.harness.memory_harness import MemoryHarness, insert
from unlearn.storage.slice_files import LAST_READ

pytestmark = pytest.mark.usefixtures("store_kind")

SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-9],
    "flipped": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
}
DELETIONS = {"rewriting": delete("r1", "s1"), "clean-up": delete(None, "s1")}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("met_by", DELETIONS)
def test_a_spoilt_slice_file_ends_no_claim(redis_url: str, tmp_path: Path, met_by: str, how: str) -> None:
    harness = MemoryHarness(redis_url, tmp_path, "linear")
    try:
        harness.send(*[insert(n, f"s{n % 3}") for n in range(12)], SEAL)
        harness.settle()
        for name in [name for name, *_ in harness.store.names("") if "/slice/" in name]:
            path = harness.store.root / name
            path.write_bytes(SPOILT[how](path.read_bytes()))
        LAST_READ.clear()
        harness.send(DELETIONS[met_by])
        harness.wait(20.0)

        assert harness.count("claims") == 1
        assert harness.count("jobs_failed") > 0
        assert harness.count("store_lost") > 0, "the background step met it"
        assert unanswered(harness) == wrong_manifests(harness) == wrong_receipts(harness) == []
        assert "current" in {entry.status for entry in harness.manifests()[-1][1].shards}
    finally:
        harness.close()

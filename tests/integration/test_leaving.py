"""What a worker does as it leaves, though nothing is under way."""

from __future__ import annotations

from pathlib import Path

from tests.harness.worker_harness import WorkerHarness
from unlearn.worker import lifecycle


def test_open_rows_are_in_a_tail_once_an_idle_worker_has_left(redis_url: str, tmp_path: Path) -> None:
    harness = WorkerHarness(redis_url, tmp_path)
    for number in range(5):
        harness.insert(f"r{number}", f"s{number}")
    harness.apply()
    views = [owned.view for owned in harness.worker.owned.values()]
    assert not harness.worker.busy
    assert not any("tail" in view.meta for view in views)

    lifecycle.run(harness.worker, harness.settings, stopping=lambda: True)

    with_rows = [view for view in views if any(held.live for held in view.open.values())]
    assert with_rows
    assert all(view.number("tail_to") == view.applied > 0 and view.meta["tail"] for view in with_rows)
    harness.close()

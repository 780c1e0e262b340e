"""What the bench at scale makes of what it has measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.processes.workers import Cost
from bench.scale.claims import Claimed, progress_of
from bench.scale.scale import HSPAM14, _figures, _Found
from bench.scale.verifying import Verified
from tests.harness.quick_bench import figures_of_quick_run
from tests.harness.settings import settings_of
from unlearn.environment.redis_client import connect
from unlearn.state.keys import Keys

ROOT = Path(__file__).parents[2]


def found(**changed: Any) -> _Found:
    values: dict[str, Any] = {
        "events": HSPAM14 // 2,
        "seconds": 240.0,
        "cost": Cost(1_000_000, 1.0, 2.0, 9.0, 3.0),
        "rss": {"worker 1": 2**29, "worker 1's children": 2**28},
        "used_memory": HSPAM14 * 20,
        "redis_rss": 0,
        "store": HSPAM14 * 50,
        "files": 7,
        "verified": {
            "store": Verified({"equal": 12}, 60.0, 2**29),
            "log": Verified({"equal": 9, "pending": 2, "different": 1}, 120.0, 2**31),
        },
    }
    return _Found(**values | changed)


def test_goals_in_minutes_are_in_proportion_to_the_events() -> None:
    figures = {figure.name: figure for figure in _figures(found())}
    assert (figures["scale.minutes"].ours, figures["scale.minutes"].goal) == (4.0, 5.0)
    assert (figures["scale.verify_minutes"].ours, figures["scale.verify_minutes"].goal) == (7.0, 10.0)
    assert (figures["scale.rss"].ours, figures["scale.rss"].goal) == (0.5, 1.0)
    assert figures["scale.cpu_per_event"].ours == 9.0
    assert figures["scale.redis_bytes_per_event"].ours == 40.0
    assert figures["scale.store_bytes_per_event"].ours == 100.0
    assert figures["scale.verify_rss.log"].ours == 2.0


def test_every_shard_that_is_not_equal_counts() -> None:
    figures = {figure.name: figure for figure in _figures(found())}
    assert (figures["scale.not_equal"].ours, figures["scale.not_equal"].met) == (3, False)


def test_a_claim_counts_from_where_the_group_put_the_dead_worker_out() -> None:
    claimed = Claimed(10.0, (10.5, 10.75), (11.5, 12.25), 1000)
    figures = {figure.name: figure for figure in _figures(found(claimed=claimed))}
    assert figures["scale.claim_seconds"].ours == 1.5
    assert figures["scale.claim_seconds.last_partition"].ours == 2.25
    assert figures["scale.claim_seconds.until_claimed"].ours == 0.5
    assert "scale.claim_seconds" not in {figure.name for figure in _figures(found())}


def test_progress_is_each_partitions_token_and_what_is_applied(redis_url: str) -> None:
    settings = settings_of()
    with connect(redis_url) as client:
        key = Keys(settings.model, 1).meta
        client.hset(key, mapping={"token": "3-ab", "applied": 17})
        assert progress_of(client, settings, [1, 2]) == {1: (b"3-ab", 17), 2: (b"", 0)}
        client.unlink(key)


@pytest.mark.slow
@pytest.mark.soak
def test_a_quick_run_at_scale_is_equal_and_has_every_figure(kafka: str, redis_url: str, tmp_path: Path) -> None:
    figures, _ = figures_of_quick_run("scale", kafka, redis_url, tmp_path)

    assert figures.keys() >= {"scale.minutes", "scale.rss", "scale.verify_minutes", "scale.claim_seconds"}
    assert figures["scale.not_equal"]["ours"] == 0

"""Much at once: the same result, no training for nothing, and no pass of the loop that takes it all.

`python -m tests.faults.measure` has the same floods at full size, with times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import measure
from tests.faults.open_flood import unreadable
from tests.harness.events import delete
from tests.harness.worker_harness import WorkerHarness


@pytest.fixture(params=["linear", "naive-bayes"])
def harness(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[WorkerHarness]:
    made = WorkerHarness(redis_url, tmp_path, learner=request.param, slice_span=500, window=0.5, publish_wait=0.3)
    yield made
    made.close()


def widest(harness: WorkerHarness, size: Callable[[Any], int] = len) -> list[int]:
    """How many commands each script had, or their size otherwise measured, from now on."""
    found: list[int] = []
    kind = type(next(iter(harness.worker.owned.values())).state)
    commit = kind.commit

    def counted(self: Any, token: Any, applied: int, writes: int, ops: Any, *rest: Any) -> None:
        found.append(size(ops))
        commit(self, token, applied, writes, ops, *rest)

    for owned in harness.worker.owned.values():
        owned.state.commit = counted.__get__(owned.state)  # type: ignore[method-assign]
    return found


def test_two_thousand_deletions_at_once(harness: WorkerHarness) -> None:
    size = 2000
    measure.send(harness, (measure.row(f"r{i}", f"s{i}" if i % 2 else None) for i in range(size)))
    harness.seal()
    harness.rest()
    before = harness.counts
    measure.send(harness, measure._deletions(size))
    harness.rest()
    since = harness.counts - before
    # Every one has its receipt, and the shards were trained a few times at most
    assert harness.event_ids("hidden") == {f"d{i}" for i in range(size)}
    assert since["subjects_deleted"] == size // 2
    assert since["jobs"] <= 4 * 4
    # The clean-ups went through each shard's files together
    assert 0 < since["sweeps"] <= 4 * (size // 500 + 4)
    assert harness.verdict() == "equal"


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_full_batch_of_deletions_takes_several_scripts(redis_url: str, tmp_path: Path, kind: int) -> None:
    harness = WorkerHarness(redis_url, tmp_path, partitions=1, slice_span=500, window=0.5)
    try:
        measure.send(harness, (measure.row(f"r{i}", f"s{i}") for i in range(2000)))
        harness.seal()
        harness.rest()
        written = widest(harness, fields)
        names = ((None if kind == 1 else f"r{i}", None if kind == 2 else f"s{i}") for i in range(2000))
        measure.send(harness, (delete(*who, event_id=f"d{i}") for i, who in enumerate(names)))
        harness.turn_until(harness.caught_up)
        assert sum(count > 2000 for count in written) > 1
        assert max(written) < 5000
        harness.rest()
        assert len(harness.event_ids("hidden")) == 2000
        assert harness.verdict() == "equal"
    finally:
        harness.close()


def fields(ops: list[tuple[str, ...]]) -> int:
    """Of hashes, that these commands write or remove."""
    return sum(len(arguments) // (2 if name == "HSET" else 1) for name, _, *arguments in ops)


def test_a_subject_with_five_thousand_records(harness: WorkerHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    measure.send(harness, (measure.row(f"r{i}", "s" if i % 2 else f"s{i}") for i in range(10_000)))
    harness.seal()
    harness.rest()
    scripts = widest(harness)
    measure.send(harness, [delete(subject="s", event_id="d0")])
    # It is hidden before any of its rows is buried, in chunks
    with monkeypatch.context() as held_up:
        held_up.setattr(harness.worker._cleaner, "turn", lambda _, *, gathers: None)
        harness.turn_until(lambda: "d0" in harness.event_ids("hidden"))
    harness.rest()
    assert harness.counts["sweeps"] >= 5000 // 500
    assert max(scripts) < 1200
    assert harness.status().records == 5000
    assert harness.verdict() == "equal"


def test_ten_thousand_seals(harness: WorkerHarness) -> None:
    for i in range(50):
        measure.send(harness, [measure.row(f"r{i}")])
        for _ in range(100):
            harness.seal()
    harness.rest()
    # One after no row leaves no trace
    assert harness.counts["seals"] == 10_000
    assert harness.counts["slices"] == sum(len(held.view.ends) for held in harness.worker.owned.values()) == 50
    assert harness.verdict() == "equal"


def test_ten_thousand_deletions_of_nobody(harness: WorkerHarness) -> None:
    harness.tweets(200)
    harness.seal()
    harness.rest()
    before, manifests = harness.counts, [held.manifest for held in harness.worker.owned.values()]
    measure.strangers_of(harness, 10_000)
    harness.rest()
    since = harness.counts - before
    assert since["hidden"] == 10_000
    assert (since["jobs"], since["withdrawals"]) == (0, 0)
    for old, held in zip(manifests, harness.worker.owned.values(), strict=True):
        assert old is not None
        assert held.manifest is not None
        assert [e.digest for e in held.manifest.shards] == [e.digest for e in old.shards]


def test_possible_deletions_without_number_stop_nothing_and_are_closed_by_reason_and_by_list(
    harness: WorkerHarness,
) -> None:
    unreadable(harness, 250)

    assert harness.verdict() == "equal"

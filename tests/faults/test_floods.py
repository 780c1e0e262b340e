"""Much at once: the same result, no training for nothing, and no pass of the loop that takes it all.

`python -m tests.faults.measure` has the same floods at full size, with times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import measure
from tests.faults.rig import Sick


@pytest.fixture(params=["linear", "naive-bayes"])
def sick(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> Iterator[Sick]:
    made = Sick(redis_url, tmp_path, learner=request.param, slice_span=500, window=0.5, publish_wait=0.3)
    yield made
    made.close()


def widest(sick: Sick, size: Callable[[Any], int] = len) -> list[int]:
    """How many commands each script had, or their size otherwise measured, from now on."""
    found: list[int] = []
    kind = type(next(iter(sick.worker.owned.values())).state)
    commit = kind.commit

    def counted(self: Any, token: Any, applied: int, writes: int, ops: Any, *rest: Any) -> None:
        found.append(size(ops))
        commit(self, token, applied, writes, ops, *rest)

    for owned in sick.worker.owned.values():
        owned.state.commit = counted.__get__(owned.state)  # type: ignore[method-assign]
    return found


def test_two_thousand_deletions_at_once(sick: Sick) -> None:
    size = 2000
    measure.send(sick, (measure.insert(f"r{i}", f"s{i}" if i % 2 else None) for i in range(size)))
    sick.seal()
    sick.rest()
    before = sick.counts
    measure.send(sick, measure._deletions(size))
    sick.rest()
    since = sick.counts - before
    # Every one has its receipt, and the shards were trained a few times at most
    assert sick.receipts("hidden") == {f"d{i}" for i in range(size)}
    assert since["subjects_deleted"] == size // 2
    assert since["jobs"] <= 4 * 4
    # The clean-ups went through each shard's files together
    assert 0 < since["sweeps"] <= 4 * (size // 500 + 4)
    assert sick.verdict() == "equal"


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_full_batch_of_deletions_takes_several_scripts(redis_url: str, tmp_path: Path, kind: int) -> None:
    sick = Sick(redis_url, tmp_path, partitions=1, slice_span=500, window=0.5)
    try:
        measure.send(sick, (measure.insert(f"r{i}", f"s{i}") for i in range(2000)))
        sick.seal()
        sick.rest()
        written = widest(sick, fields)
        names = ({"record_id": f"r{i}", "subject_id": f"s{i}"} for i in range(2000))
        lacks = (None, "record_id", "subject_id")[kind]
        measure.send(
            sick, (measure.delete(i, **{n: v for n, v in who.items() if n != lacks}) for i, who in enumerate(names))
        )
        sick.turn_until(sick._caught_up)
        assert sum(count > 2000 for count in written) > 1
        assert max(written) < 5000
        sick.rest()
        assert len(sick.receipts("hidden")) == 2000
        assert sick.verdict() == "equal"
    finally:
        sick.close()


def fields(ops: list[tuple[str, ...]]) -> int:
    """Of hashes, that these commands write or remove."""
    return sum(len(arguments) // (2 if name == "HSET" else 1) for name, _, *arguments in ops)


def test_a_subject_with_five_thousand_records(sick: Sick) -> None:
    measure.send(sick, (measure.insert(f"r{i}", "s" if i % 2 else f"s{i}") for i in range(10_000)))
    sick.seal()
    sick.rest()
    scripts = widest(sick)
    measure.send(sick, [measure.delete(0, subject_id="s")])
    sick.turn_until(lambda: "d0" in sick.receipts("hidden"))
    # It is hidden before its rows are buried, in chunks
    assert sum(held.counters["sweeps"] for held in sick.worker.owned.values()) < 10
    sick.rest()
    assert sick.counts["sweeps"] >= 5000 // 500
    assert max(scripts) < 1200
    assert sick.status().records == 5000
    assert sick.verdict() == "equal"


def test_ten_thousand_seals(sick: Sick) -> None:
    for i in range(50):
        measure.send(sick, [measure.insert(f"r{i}")])
        for _ in range(100):
            sick.seal()
    sick.rest()
    # One after no row leaves no trace
    assert sick.counts["seals"] == 10_000
    assert sick.counts["slices"] == sum(len(held.view.ends) for held in sick.worker.owned.values()) == 50
    assert sick.verdict() == "equal"


def test_ten_thousand_deletions_of_nobody(sick: Sick) -> None:
    sick.tweets(200)
    sick.seal()
    sick.rest()
    before, manifests = sick.counts, [held.manifest for held in sick.worker.owned.values()]
    measure.strangers_of(sick, 10_000)
    sick.rest()
    since = sick.counts - before
    assert since["hidden"] == 10_000
    assert (since["jobs"], since["withdrawals"]) == (0, 0)
    for old, held in zip(manifests, sick.worker.owned.values(), strict=True):
        assert old is not None
        assert held.manifest is not None
        assert [e.digest for e in held.manifest.shards] == [e.digest for e in old.shards]

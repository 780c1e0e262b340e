"""A state whose file is gone is a cache that is gone: its shard goes on from an older one, or from empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.view import State
from tests.faults.checks import unanswered, wrong_manifests, wrong_receipts
from tests.faults.site import SEAL, Site, insert


@pytest.fixture(params=["linear", "naive-bayes"])
def site(redis_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Two slices are learned; garbage is kept."""
    made = Site(redis_url, tmp_path, request.param, shards_per_partition=1, garbage_grace=1e6)
    for first in (0, 10):
        made.send(*[insert(n) for n in range(first, first + 6)], SEAL)
        made.settle()
    yield made
    made.close()


def states(site: Site) -> dict[int, State]:
    return dict(site.owned.view.shard_states(0))


def next_slice(site: Site) -> None:
    site.send(*[insert(n) for n in range(20, 24)], SEAL)
    site.settle()


def test_the_job_drops_it_and_goes_on(site: Site) -> None:
    kept = states(site)
    (site.store.root / kept[max(kept)].file).unlink()

    next_slice(site)

    assert site.count("states_lost") == 1
    assert site.count("jobs_failed") == site.count("lineage_mismatches") == 0
    assert kept[max(kept)] not in states(site).values()
    # A fold has an older one to go on from; a learner that forgets keeps one alone.
    assert all(state in states(site).values() for through, state in kept.items() if through < max(kept))
    assert site.owned.view.crashes == {}
    assert {entry.status for entry in site.manifests()[-1][1].shards} == {"current"}
    assert site.verify().verdict == "equal"
    assert unanswered(site) == wrong_manifests(site) == wrong_receipts(site) == []


def test_all_of_them_gone_it_learns_from_empty(site: Site) -> None:
    kept = states(site)
    for state in kept.values():
        (site.store.root / state.file).unlink()

    next_slice(site)

    assert site.count("states_lost") == len(kept)
    assert site.verify().verdict == "equal"


def test_a_spoilt_one_is_dropped_too(site: Site) -> None:
    kept = states(site)
    path = site.store.root / kept[max(kept)].file
    path.write_bytes(path.read_bytes()[:-9])

    next_slice(site)

    assert site.count("states_lost") == 1
    assert site.verify().verdict == "equal"


def test_a_store_that_is_away_has_lost_none(site: Site) -> None:
    kept = states(site)
    site.send(*[insert(n) for n in range(20, 24)], SEAL)
    begin = site.worker._training._begin

    def unmounted(*args: object) -> None:
        away = site.store.root.rename(site.folder / "away")
        begin(*args)  # type: ignore[arg-type]
        away.rename(site.store.root)
        site.worker._training._begin = begin  # type: ignore[method-assign]

    site.worker._training._begin = unmounted  # type: ignore[method-assign, assignment]
    site.settle()

    assert site.count("jobs_failed") == 1
    assert site.count("states_lost") == 0
    assert kept.items() <= states(site).items() or site.learner.forgets
    assert site.owned.view.crashes == {}
    assert site.verify().verdict == "equal"

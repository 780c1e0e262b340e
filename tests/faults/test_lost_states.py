"""A state whose file is gone is a cache that is gone: its shard goes on from an older one, or from empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checks import unanswered, wrong_manifests, wrong_receipts
from tests.faults.site import SEAL, Site, insert
from unlearn.partition.tables import State
from unlearn.storage.slice_files import read_slice


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


def looked(site: Site) -> None:
    """Long enough for a look at the files, while nothing comes in."""
    for _ in range(3):
        site.now += 60.0
        site.turn(2)
    site.settle()


@pytest.mark.parametrize("spoilt", [False, True], ids=["gone", "spoilt"])
def test_an_idle_owner_finds_a_published_one_that_is_lost_and_publishes_it_again(site: Site, spoilt: bool) -> None:
    (entry,) = site.manifests()[-1][1].shards
    path = site.store.root / entry.file
    path.write_bytes(path.read_bytes()[:-9]) if spoilt else path.unlink()
    assert site.verify_store().verdict == "different"

    looked(site)

    assert site.count("states_lost") == 1
    (after,) = site.manifests()[-1][1].shards
    assert after.file != entry.file
    assert (after.digest, after.status) == (entry.digest, "current")
    assert site.verify_store().verdict == "equal"
    assert unanswered(site) == wrong_manifests(site) == wrong_receipts(site) == []


def test_an_idle_owner_that_finds_all_files_there_does_nothing(site: Site) -> None:
    before = site.owned.view.states.copy(), site.count("jobs_failed")

    looked(site)

    assert (site.owned.view.states, site.count("jobs_failed")) == before
    assert site.count("states_lost") == 0


def test_a_store_that_is_away_has_lost_none_of_the_published(site: Site) -> None:
    before = site.owned.view.states.copy()
    away = site.store.root.rename(site.folder / "away")

    for _ in range(2):
        site.now += 60.0
        site.turn(2)

    assert site.owned.view.states == before
    away.rename(site.store.root)
    looked(site)
    assert site.count("states_lost") == 0
    assert site.verify_store().verdict == "equal"


def test_a_slice_that_is_gone_gives_no_verdict_and_is_named_once_it_is_needed(site: Site) -> None:
    (_, held) = site.owned.view.shard_slices(0)[0]
    path = site.store.root / (held.file or "")
    kept = path.read_bytes()
    path.unlink()
    read_slice.cache_clear()
    assert site.verify_store().verdict == "incomparable"

    for state in states(site).values():
        (site.store.root / state.file).unlink()
    next_slice(site)

    assert site.count("jobs_failed") > 0
    assert (held.file or "?") in str(site.redis.get(site.owned.state.keys.of("trouble")))
    assert site.verify_store().verdict == "pending"
    path.write_bytes(kept)
    site.now += 60.0
    site.settle()
    assert site.verify_store().verdict == "equal"

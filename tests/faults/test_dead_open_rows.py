"""An idle partition whose open rows are all dead: one seal lets what they left behind go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.checks import unanswered, wrong_manifests, wrong_receipts
from tests.faults.site import SEAL, Site, delete, insert
from unlearn.storage.seal import SEAL_EVENT

SEAL_AFTER = 2.0


@pytest.fixture
def site(redis_url: str, tmp_path: Path) -> Iterator[Site]:
    made = Site(redis_url, tmp_path, "linear", seal_after=SEAL_AFTER)
    made.send(*[insert(n) for n in range(6)], SEAL)
    made.settle()
    yield made
    made.close()


def seals(site: Site) -> int:
    """Written by the owner."""
    records = site.log.read(site.settings.events_topic, 0, 0, 1 << 60)
    return sum(record.value == SEAL_EVENT for record in records) - 1


def erased(site: Site) -> int:
    return site.manifests()[-1][1].erased_through


@pytest.mark.parametrize("deletion", [delete("r9", "ann"), delete(None, "ann")], ids=["record", "subject"])
@pytest.mark.parametrize("tail", [False, True])
def test_their_slice_is_ended(site: Site, deletion: object, tail: bool) -> None:
    site.send(insert(9, "ann"))
    if tail:
        site.wait(1.0)
        assert site.count("tails") == 1
    at = site.send(deletion)  # type: ignore[arg-type]
    site.turn(2)
    site.owned.rows_since = None  # as it is after a claim, or if both came in one batch
    assert erased(site) <= at
    site.wait(SEAL_AFTER + 5.0)

    assert seals(site) == 1
    assert erased(site) > at
    assert site.owned.view.open == {}
    assert unanswered(site) == wrong_manifests(site) == wrong_receipts(site) == []
    assert site.verify().verdict == "equal"


def test_one_batch_and_one_seal(site: Site) -> None:
    """Rows that come and die in one batch were never live in anybody's eyes."""
    site.send(insert(9, "ann"))
    at = site.send(delete("r9", "ann"))
    site.turn(2)
    assert site.owned.rows_since is None
    site.wait(SEAL_AFTER + 30.0)

    assert seals(site) == 1
    assert erased(site) > at


def test_no_open_row_no_seal(site: Site) -> None:
    site.send(delete("r1"), delete("r99"), insert(1))
    site.wait(SEAL_AFTER + 30.0)

    assert seals(site) == 0

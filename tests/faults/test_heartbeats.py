"""An owner's word that its manifest stands is given again and again, but not while it stands for too long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.site import Site, delete, insert
from unlearn.results.manifest import Receipt, heartbeat_key

SILENT = 1000.0
"""Seconds in which no second manifest comes: what is deleted meanwhile stays in the first."""


@pytest.fixture
def site(redis_url: str, tmp_path: Path) -> Iterator[Site]:
    """It has published, and a deletion has an hour."""
    made = Site(redis_url, tmp_path, "naive-bayes", publish_every=SILENT, forget_within=3600.0)
    made.send(insert(0, "s"), insert(1, "t"))
    made.turn(3)
    assert len(made.manifests()) == 1
    yield made
    made.close()


def heartbeats(site: Site) -> int:
    read = site.log.read(site.settings.results_topic, 0, 0, 1 << 60)
    return sum(record.key == heartbeat_key(site.settings.model, 0) for record in read)


def hidden(site: Site) -> bool:
    read = site.log.read(site.settings.receipts_topic, 0, 0, 1 << 60)
    return any(Receipt.model_validate_json(record.value or b"").state == "hidden" for record in read)


def deleted_ago(site: Site, seconds: float) -> None:
    """A deletion that the log took then is applied, and no manifest hides it yet."""
    site.log.clock = lambda: round((time.time() - seconds) * 1000)
    site.send(delete("r0", "s"))
    site.turn(3)
    assert site.owned.view.pending
    assert not hidden(site)


def test_heartbeats_go_on_while_a_deletion_waits_within_its_time(site: Site) -> None:
    deleted_ago(site, 60.0)
    before = heartbeats(site)

    site.wait(5 * site.settings.heartbeat_every)

    assert not hidden(site)
    assert heartbeats(site) > before


def test_no_heartbeat_is_sent_while_a_deletion_is_past_its_deadline(site: Site) -> None:
    # given a deletion whose hour is over, and the manifest in force is of before it
    deleted_ago(site, 7200.0)
    before = heartbeats(site)

    # when several heartbeats would be due
    site.wait(5 * site.settings.heartbeat_every)

    # then there is none, until a manifest hides it
    assert not hidden(site)
    assert heartbeats(site) == before
    site.now += SILENT
    site.wait(5 * site.settings.heartbeat_every)
    assert hidden(site)
    assert heartbeats(site) > before + 1

"""What retention took before it was sent on ends as a dead letter and an unresolved deletion; nothing waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.site import SEAL, Site, delete, insert
from unlearn.events.event import Event, encode
from unlearn.events.partitioner import event_key, home
from unlearn.results.manifest import Receipt


@pytest.fixture
def site(redis_url: str, tmp_path: Path) -> Iterator[Site]:
    """All rows of partition 0 are in files; what comes next is a delete or is not at home there."""
    made = Site(redis_url, tmp_path, "linear", partitions=2)
    made.send(*[insert(n, who(0, n)) for n in range(8)])
    for partition in (0, 1):
        made.log.append(made.settings.events_topic, partition, None, encode(SEAL), ())
    made.settle()
    yield made
    made.close()


def who(partition: int, number: int) -> str:
    """A subject at home in the partition."""
    return next(name for i in range(99) if home((name := f"s{number}-{i}").encode(), 2) == partition)


def put(site: Site, event: Event | bytes) -> int:
    """Into partition 0, at home there or not."""
    key, value = (None, event) if isinstance(event, bytes) else (event_key(event), encode(event))
    return site.log.append(site.settings.events_topic, 0, key, value, ())


def kept_back(site: Site, step: str, *events: Event | bytes) -> list[int]:
    """The worker applies them, and dies before it takes a step; then retention takes them all."""
    owner, name = step.split(".")
    setattr(getattr(site.worker, owner), name, lambda *_: None)
    offsets = [put(site, event) for event in events]
    site.turn(6)
    assert site.owned.view.applied == offsets[-1] + 1
    site.start()
    site.log.truncate(site.settings.events_topic, 0, offsets[-1] + 1)
    return offsets


def letters(site: Site) -> dict[int, Any]:
    read = site.log.read(site.settings.dead_letters_topic, 0, 0, 1 << 60)
    return {letter["offset"]: letter for letter in (json.loads(record.value or b"") for record in read)}


def receipts(site: Site) -> list[Receipt]:
    read = site.log.read(site.settings.receipts_topic, 0, 0, 1 << 60)
    return [Receipt.model_validate_json(record.value or b"") for record in read]


def test_what_was_not_sent_on_is_unresolved(site: Site) -> None:
    pair, everywhere = delete("r1", who(0, 1)), delete("r2")
    offsets = kept_back(site, "_outbox.turn", insert(99, who(1, 99)), pair, everywhere, b'{"type":"delete" junk')
    site.turn(30)

    view = site.owned.view
    assert sorted(view.unresolved) == sorted(letters(site)) == offsets
    assert {letter["digest"] for letter in letters(site).values()} == {None}
    assert (view.outbox, view.pending) == ({}, {})
    assert site.count("retention_lost") == 3
    # It is done here all the same, but nobody can be told, least of all that it is so everywhere.
    assert receipts(site) == []
    assert site.manifests()[-1][1].applied == view.applied
    assert view.number("live") == 6
    assert view.unresolved[offsets[1]].deadline > view.unresolved[offsets[1]].since > 0
    assert all(held.deadline >= held.since > 0 for held in view.unresolved.values())


def test_it_says_so_once(site: Site) -> None:
    kept_back(site, "_outbox.turn", delete("r1", who(0, 1)))
    site.turn(30)
    told = len(letters(site))
    site.wait(20.0)

    assert len(letters(site)) == told == 1
    assert len(list(site.log.read(site.settings.dead_letters_topic, 0, 0, 1 << 60))) == 1


def test_a_hidden_deletion_whose_name_is_gone_is_unresolved(site: Site) -> None:
    (offset,) = kept_back(site, "_receipts.turn", delete("r1", who(0, 1)))
    assert {receipt.state for receipt in receipts(site)} == {"accepted"}
    site.turn(30)

    view = site.owned.view
    assert (list(view.unresolved), list(letters(site))) == ([offset], [offset])
    assert (view.outbox, view.pending) == ({}, {})
    assert {receipt.state for receipt in receipts(site)} == {"accepted"}
    assert site.count("retention_lost") == 1


def test_what_the_log_still_has_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.worker._outbox.turn = lambda *_: None  # type: ignore[method-assign]
    put(site, delete("r1", who(0, 1)))
    site.turn(6)
    site.start()
    with monkeypatch.context() as patch:
        # A new leader doesn't show its newest records yet.
        patch.setattr("unlearn.ingest.outbox.records_at", lambda *_: {})
        site.turn(10)
        assert len(site.owned.view.outbox) == 1
    site.turn(30)

    assert site.owned.view.unresolved == {}
    assert [receipt.state for receipt in receipts(site)] == ["accepted", "hidden"]

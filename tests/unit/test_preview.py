"""What a deletion would kill, by what a look-up found, and how long the last ones took, by their receipts."""

from __future__ import annotations

from typing import Any

from unlearn.admin.lookup import Found
from unlearn.admin.preview import Preview, Shard, of_record
from unlearn.client.took import Took, took
from unlearn.results.manifest import Receipt


def hidden(offset: int, accepted: str | None, at: str | None, **more: Any) -> Receipt:
    return Receipt(event_id="d", state="hidden", partition=0, offset=offset, accepted_at=accepted, at=at, **more)


def test_members_are_counted_by_their_shards() -> None:
    places = [
        Found("member", 1, 7, 0),
        Found("member", 0, 3, 2),
        Found("member", 1, 9, 0),
        Found("forgotten", 0, None, 1),
        Found("unknown"),
    ]
    assert of_record(places) == Preview(3, (Shard(0, 2, 1), Shard(1, 0, 2)))
    assert of_record([Found("unknown")]) == Preview(0, ())


def test_the_first_hidden_of_each_deletion_counts() -> None:
    told = [
        hidden(1, "2024-05-01T12:00:00.000Z", "2024-05-01T12:00:00.200Z"),
        hidden(1, "2024-05-01T12:00:00.000Z", "2024-05-01T12:09:00.000Z", records=3),
        hidden(2, "2024-05-01T12:00:00.000Z", "2024-05-01T12:00:04.000Z"),
        hidden(3, "2024-05-01T12:00:00.000Z", "2024-05-01T12:00:01.000Z"),
        hidden(4, None, "2024-05-01T12:00:01.000Z"),
        Receipt(event_id="d", state="accepted", partition=0, offset=5),
    ]
    assert took(told) == Took(3, 1.0, 4.0)
    assert took([]) == Took(0, None, None)

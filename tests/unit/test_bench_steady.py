"""The stream that stays: as many records at any time, and deletions of every one of them."""

from __future__ import annotations

from itertools import islice

import pytest

from bench.processes.resources import Look, growth
from bench.scale.steady import revisions


def test_the_number_of_records_stays_and_deletions_reach_all_of_them() -> None:
    live: dict[str, int] = {}
    deleted, sizes = set[str](), list[int]()
    for event in islice(revisions(200), 200 + 20 * 200):
        record, revision = event["record_id"], event["revision"]
        if event["type"] == "delete":
            deleted.add(record)
            if live.get(record, -1) <= revision:
                live.pop(record, None)
        else:
            live[record] = max(revision, live.get(record, 0))
        sizes.append(len(live))
    assert len(deleted) == 200
    assert min(sizes[400:]) > 150
    assert max(sizes) == 200


def test_growth_is_of_the_last_quarter_over_the_second() -> None:
    looks = [Look(rss, 1, 1, 1, 1, 1, 0) for rss in (9, 9, 2, 2, 50, 50, 3, 3)]
    assert growth(looks).rss == 1.5
    assert growth(looks).store_files == 1.0


def test_too_few_looks_say_nothing() -> None:
    with pytest.raises(ValueError, match="four"):
        growth([Look(1, 1, 1, 1, 1, 1, 1)] * 3)
